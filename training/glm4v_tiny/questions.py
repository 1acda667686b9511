"""How people ask: many phrasings of each question, in Chinese and English."""

import random

ASKS: dict[str, dict[str, str]] = {
    "read": {
        "zh": "图中文字写了什么?|读出图中的文字|请识别图中文字|图里写了什么?|识别文字|提取图片中的文字|把图中的文字读出来|这上面写的是什么?|"
        "请输出图中所有文字|图片上的文字是什么?|图中有什么文字?|文字识别|请逐行读出图中的文字|图片里的文字|读一下|读图|写的什么?|"
        "请识别图片中的文字内容|请把图片转成文字|图上有哪些字?|提取文字|请提取图中的全部文字|识别图片|图中的内容是什么?|抄写图中的文字|把文字抄下来|请把图上的文字写出来|图上写着什么?",
        "en": "What does the text say?|Read the text in the image.|OCR|Read the text.|What is written in the image?|Extract the text.|"
        "Transcribe the text.|What does it say?|Text Recognition:|What text is in the image?|Please transcribe all the text in the picture.|"
        "Read the text in this picture.|What is written here?|What does the image say?|Extract all text from this image.|Read this.|"
        "Please read the image.|Give me the text.|Recognize the text in the image.|What does this say?|Read it|Transcribe this image.|"
        "Write out the text.|Copy the text.|What text do you see?|Write down what it says.",
    },
    "number": {"zh": "图中的数字是多少?|图中是什么数字?|读出数字", "en": "What is the number?|What number is shown?|Read the number."},
    "amounts": {
        "zh": "请提取图中所有金额数字,并按出现顺序列出|列出所有金额|提取所有金额|图中有哪些金额?|按顺序列出所有金额|请列出小票上的所有金额|"
        "把所有金额列出来|识别所有金额|请按顺序提取金额|列出全部价格|所有的金额是多少?|"
        "把图里的金额按顺序列出来|图中所有金额|按出现顺序列出金额|请从上到下列出所有金额|读出所有金额|列出每一个金额",
        "en": "List all amounts in order.|Extract every amount.|List all amounts.|What amounts are shown?|Extract all amounts in order.|"
        "List every amount on the receipt.|List all the prices.|What are the amounts?|Give me all amounts in order.|"
        "List the amounts from top to bottom.|Read all the amounts.|List every price you see.|What are all the amounts, in order?|Write down all amounts.",
    },
    "total": {
        "zh": "合计多少?|总金额是多少?|总价是多少?|一共多少钱?|总计多少?|总共多少钱?|合计金额是多少?|这张小票的总金额是多少?|总额|共计多少元?|花了多少钱?|"
        "总共要付多少?|要付多少钱?|应付多少钱?|应付金额是多少?|需要支付多少钱?|总共花了多少钱?|一共花了多少?|加起来多少钱?|账单总额是多少?",
        "en": "What is the total?|What is the total amount?|How much is the total?|How much in total?|Total?|What's the total?|"
        "What is the total on this receipt?|How much was paid in total?|Give me the total amount.|How much is it altogether?|How much is due?|"
        "How much do I have to pay?|What does it come to?|How much did it cost in total?|What is the grand total?|What was the total price?",
    },
    "item price": {
        "zh": "{x}多少钱?|{x}的价格是多少?|{x}的金额是多少?|{x}是多少钱?|{x}卖多少钱?|{x}的单价是多少?",
        "en": "How much is {x}?|What is the price of {x}?|How much does {x} cost?|What does the {x} cost?|How much is the {x}?|Price of {x}?",
    },
    "items": {
        "zh": "列出所有商品|有哪些商品?|买了什么?|图中有哪些商品?|列出商品名称|请列出小票上的商品|买了哪些东西?|商品清单|商品都有哪些?|把商品名称列出来|都买了什么?",
        "en": "List the items.|List all items.|What items are listed?|What was bought?|Which items are on the receipt?|List the products.|What are the items?|"
        "Which products are listed?|Name the items.|What items do you see?|List the item names.",
    },
    "count items": {
        "zh": "有几件商品?|一共有几种商品?|买了几样东西?",
        "en": "How many items are there?|How many items are listed?|How many products were bought?",
    },
    "shop": {
        "zh": "店名是什么?|这是哪家店的小票?|商店的名称是什么?|哪家店?",
        "en": "What is the shop's name?|Which store is this?|What is the name of the store?|Store name?",
    },
    "date": {"zh": "日期是什么?|小票上的日期是哪天?|是哪一天?|日期", "en": "What is the date?|What date is on the receipt?|When was this?|Date?"},
    "tag": {
        "zh": "图中商品名称和价格是多少?|商品名称和价格是什么?|这是什么商品,多少钱?|这是什么,卖多少钱?|商品和价格|名称和价格分别是什么?",
        "en": "What is the product and its price?|What product is this and how much is it?|Product name and price?|Give the product name and price.|"
        "What is the product and what does it cost?",
    },
    "price": {
        "zh": "价格是多少?|多少钱?|这个多少钱?|售价是多少?|标价多少?|价钱是多少?|卖多少钱?|要多少钱?",
        "en": "How much is it?|What is the price?|Price?|How much does it cost?|What does it cost?|How much is this?|What's the price?",
    },
    "product": {
        "zh": "这是什么商品?|商品名称是什么?|图中是什么商品?|商品叫什么?|这是什么?",
        "en": "What is the product?|What product is this?|What is the product's name?|Product name?|What is it?",
    },
    "error": {
        "zh": "图中报错信息是什么?|报错信息是什么?|报了什么错?|错误信息是什么?|图中的错误提示是什么?|出了什么错?|截图中的报错是什么?|"
        "请提取报错信息|这是什么错误?|错误提示是什么?|屏幕上显示了什么错误?|出现了什么错误?|屏幕上的报错是什么?|提示了什么错误?",
        "en": "What is the error message?|What error is shown?|What does the error say?|What is the error?|Read the error message.|"
        "Which error is displayed?|Extract the error message.|What went wrong?|What error is on the screen?|"
        "What does the error message say?|Which error message is this?|What's the error?",
    },
    "title": {"zh": "标题是什么?|窗口标题是什么?|第一行写了什么?", "en": "What is the title?|What is the heading?|What does the first line say?"},
    "describe": {
        "zh": "描述图片|描述这张图片|这是什么图片?|图中有什么?|图里有什么?|请描述图中内容|这张图是什么?|看看这张图|这是什么图?",
        "en": "Describe this image.|Describe the image.|What is in the image?|What is this?|What do you see?|What's in this picture?|"
        "What is shown here?|Describe the picture.|Explain this image.",
    },
    "count shapes": {
        "zh": "图中有几个{x}?|有几个{x}?|有多少个{x}?|数一数图中的{x}|图中{x}有几个?|{x}的数量是多少?",
        "en": "How many {x} are there?|Count the {x}.|How many {x}?|How many {x} are in the image?|How many {x} do you see?|What is the number of {x}?",
    },
    "is shape": {"zh": "有{x}吗?|图中有{x}吗?|有没有{x}?|图里有没有{x}?", "en": "Is there a {x}?|Is there a {x} in the image?|Do you see a {x}?|Can you see a {x}?"},
    "is item": {"zh": "有{x}吗?|图中有{x}吗?|有没有{x}?|买了{x}吗?", "en": "Is there {x}?|Is {x} listed?|Is {x} on the list?|Does it include {x}?"},
    "which shape": {"zh": "这是什么图形?|图中是什么图形?|这是什么形状?", "en": "What shape is this?|Which shape is it?|What is the shape?"},
    "what colour": {"zh": "{x}是什么颜色?|{x}的颜色是什么?|图中的{x}是什么颜色的?", "en": "What colour is the {x}?|What color is the {x}?|Which color is the {x}?"},
}
NOT_THERE = {"zh": "图中没有", "en": "Not in the image"}
YES = {"zh": "有", "en": "Yes"}
NO = {"zh": "没有", "en": "No"}


def ask(random: random.Random, kind: str, language: str, x: str = "") -> str:
    """One phrasing, typed the way people type: full or half-width marks, with or without them, sometimes polite."""
    text = random.choice(ASKS[kind][language].split("|")).replace("{x}", x)
    if language == "zh":
        if random.random() < 0.5:
            text = text.replace("?", "？").replace(",", "，")
        style = random.random()
        if style < 0.08:
            text = text.rstrip("?？")
        elif style < 0.14 and not text.startswith("请"):
            text = random.choice(("请问", "请告诉我", "帮我看看")) + text
        elif style < 0.18 and text[-1] not in "?？":
            text += random.choice(("。", "!", "！"))
        return text
    style = random.random()
    if style < 0.08:
        return text.lower()
    if style < 0.14:
        return text.rstrip("?.")
    if style < 0.17:
        return "Please: " + text
    return text


def language(random: random.Random) -> str:
    """Chinese a little more often: its questions are shorter, so they cost less to train on."""
    return "zh" if random.random() < 0.57 else "en"
