// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cpuMsIn, datagramsIn, rssMBIn } from './usage.ts';

describe('what the kernel counts', () => {
  it('is time of the process and of its children, whatever its name', () => {
    expect(cpuMsIn('7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 11')).toBe(1_240);
    expect(() => cpuMsIn('')).toThrow('/proc/PID/stat');
  });

  it('is resident memory', () => {
    expect(rssMBIn('Name:\tnode\nVmRSS:\t  102400 kB\n')).toBe(100);
    expect(() => rssMBIn('Name:\tkthreadd\n')).toThrow('no resident memory');
  });

  it('is datagrams of both families', () => {
    const text = [
      'Ip: Forwarding DefaultTTL',
      'Ip: 1 64',
      'Udp: InDatagrams NoPorts InErrors OutDatagrams',
      'Udp: 10 0 0 32',
      'UdpLite: InDatagrams NoPorts InErrors OutDatagrams',
      'UdpLite: 0 0 0 5',
      'Udp6InDatagrams                 \t4',
      'Udp6OutDatagrams                \t8',
    ].join('\n');
    expect(datagramsIn(text)).toBe(40);
    expect(() => datagramsIn('')).toThrow('/proc/net/snmp');
  });

  it('can be read on this machine', () => {
    expect(cpuMsIn(readFileSync('/proc/self/stat', 'utf8'))).toBeGreaterThan(0);
    expect(rssMBIn(readFileSync('/proc/self/status', 'utf8'))).toBeGreaterThan(10);
    expect(datagramsIn(readFileSync('/proc/net/snmp', 'utf8'))).toBeGreaterThanOrEqual(0);
  });
});
