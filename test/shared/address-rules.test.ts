import { expect, test } from 'vitest'
import { addressRange, isPublicAddress } from '../../shared/address-rules.ts'

test.each([
  '1.1.1.1',
  '8.8.8.8',
  '11.0.0.1',
  '100.63.255.255',
  '100.128.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '223.255.255.255',
  '2001:4860:4860::8888',
  '2606:4700:4700::1111',
  '2a00:1450:4001:81b::200e',
  '::ffff:8.8.8.8',
])('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true)
})

// first and last address of each block that IANA's special-purpose registries or a platform keep for themselves
test.each([
  ['unspecified', ['0.0.0.0', '0.255.255.255', '::']],
  [
    'private',
    ['10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0', '192.168.255.255'],
  ],
  ['carrierGradeNat', ['100.64.0.0', '100.127.255.255']],
  ['loopback', ['127.0.0.0', '127.255.255.255', '::1', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:7f00:1']],
  ['linkLocal', ['169.254.0.0', '169.254.169.254', '169.254.255.255', 'fe80::1', 'fe80::1%eth0', 'febf::1']],
  ['multicast', ['224.0.0.0', '239.255.255.255', 'ff02::1', 'ff0e::1']],
  ['broadcast', ['255.255.255.255']],
  ['uniqueLocal', ['fc00::1', 'fd00:ec2::254', 'fdff::1']],
  ['rfc6052', ['64:ff9b::7f00:1', '64:ff9b:1::7f00:1']],
  ['6to4', ['2002:7f00:1::', '2002:ffff::1']],
  ['teredo', ['2001:0:7f00:1::', '2001::1']],
  ['platform', ['168.63.129.16', '::ffff:168.63.129.16']],
  ['unallocated', ['::7f00:1', '1::1', '4000::1', 'e000::1', '100:0:0:1::1']],
  [
    'invalid',
    [
      '',
      'localhost',
      '127.0.0.1.',
      '1.2.3',
      '256.1.1.1',
      ':::',
      '1::2::3',
      '[::1]',
      '1.1.1.1:80',
      '1.1.1.1/8',
    ],
  ],
])('%s addresses are known as such and not public', (range, addresses) => {
  for (const address of addresses) {
    expect(addressRange(address), address).toBe(range)
    expect(isPublicAddress(address), address).toBe(false)
  }
})

const reserved = `
  192.0.0.0 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.175.48.1
  198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 240.0.0.0 255.255.255.254
  100::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2620:4f:8000::1 3fff::1 5f00::1 fec0::1`

test.each(reserved.trim().split(/\s+/))('%s is reserved and not public', (address) => {
  expect(isPublicAddress(address)).toBe(false)
})
