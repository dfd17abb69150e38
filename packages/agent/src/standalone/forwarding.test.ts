// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { forwardingProblems } from './forwarding.ts';

it('names the switch of each family that is needed and off', () => {
  const off = () => '0';
  const [ipv4, ipv6, ...others] = forwardingProblems(['192.0.2.75', '2001:db8::75'], off);
  expect(ipv4).toContain('net.ipv4.ip_forward=1');
  expect(ipv6).toContain('net.ipv6.conf.all.forwarding=1');
  expect(others).toEqual([]);
  expect(forwardingProblems(['192.0.2.75'], off)).toHaveLength(1);
  expect(forwardingProblems(['192.0.2.75'], () => '1')).toEqual([]);
  expect(forwardingProblems(['2001:db8::75'], () => undefined)).toEqual([]);
});
