"""The tokenizer: one token a character, because reading is copying what stands in the picture, one character at a time."""

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from .alphabet import HAN, PUNCTUATION

# In the order of the published model, so that ids ascend the same way.
SPECIAL = (
    "<|endoftext|> [MASK] [gMASK] [sMASK] <sop> <eop> <|system|> <|user|> <|assistant|> <|observation|> <|begin_of_image|> <|end_of_image|> "
    "<|begin_of_video|> <|end_of_video|> <|begin_of_audio|> <|end_of_audio|> <|begin_of_transcription|> <|end_of_transcription|> "
    "<|code_prefix|> <|code_middle|> <|code_suffix|> <think> </think> <tool_call> </tool_call> <tool_response> </tool_response> "
    "<arg_key> </arg_key> <arg_value> </arg_value> /nothink <|begin_of_box|> <|end_of_box|> <|image|> <|video|>"
).split()
VISIBLE = {"<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"}
# The published model's split, but digits one by one.
SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PADDING = 64  # the vocabulary is rounded up to a multiple of this


def byte_letters() -> list[str]:
    """GPT-2's printable letter for each byte."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def build_tokenizer() -> Tokenizer:
    """Bytes, then merges that make each known character one token. No word is a token, so no character hides in one."""
    letters = byte_letters()
    vocabulary = {letter: index for index, letter in enumerate(letters)}
    merges: list[tuple[str, str]] = []

    def merge(left: str, right: str) -> str:
        if (left, right) not in seen:
            seen.add((left, right))
            merges.append((left, right))
            vocabulary[left + right] = len(vocabulary)
        return left + right

    seen: set[tuple[str, str]] = set()
    for character in sorted(set(PUNCTUATION + HAN)):
        # A merge always begins with a lead byte, so characters never merge across their borders.
        piece, *rest = (letters[byte] for byte in character.encode())
        for letter in rest:
            piece = merge(piece, letter)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(token, special=token not in VISIBLE, normalized=False) for token in SPECIAL])
    return tokenizer


def vocabulary_size(tokenizer: Tokenizer) -> int:
    return -(-tokenizer.get_vocab_size() // PADDING) * PADDING
