// SPDX-License-Identifier: Apache-2.0
import { address } from '@fairlead/shared/address/address.ts';
import { describe, expect, it } from 'vitest';
import { forgetRequest } from './neighbor-cache.ts';

describe('forgetRequest', () => {
  it('is an RTM_DELNEIGH with interface and address', () => {
    expect(forgetRequest(address('192.0.2.1'), 7).toString('hex')).toBe(
      '240000001d0005000000000000000000' + '020000000700000000000000' + '08000100c0000201',
    );
  });

  it('knows both families', () => {
    const request = forgetRequest(address('2001:db8::1'), 2);
    expect(request.length).toBe(16 + 12 + 4 + 16);
    expect(request.readUInt8(16)).toBe(10);
    expect(request.subarray(32).toString('hex')).toBe('20010db8000000000000000000000001');
  });
});
