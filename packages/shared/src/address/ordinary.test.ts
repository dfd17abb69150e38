// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { isOrdinary } from './ordinary.ts';

it.each([
  '0.0.0.0',
  '127.0.0.1',
  '127.255.0.9',
  '169.254.169.254',
  '224.0.0.1',
  '239.1.2.3',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  'fe80::1',
  'febf::1',
  'ff02::1',
])('%s is not ordinary', (address) => {
  expect(isOrdinary(address)).toBe(false);
});

it.each([
  '10.1.0.1',
  '192.0.2.1',
  '169.253.0.1',
  '223.255.0.1',
  '12.7.0.1',
  'fd00::1',
  'fe8::1',
  'ff::1',
  '::2',
])('%s is ordinary', (address) => {
  expect(isOrdinary(address)).toBe(true);
});
