// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { childrenOf, commandLine, listProcesses, parseStat, readProcess } from './proc.ts';

describe('parseStat', () => {
  it('reads any name, whatever it contains', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), fc.nat(), fc.nat(), (command, pid, parentPid) => {
        const rest = Array.from({ length: 40 }, (_, index) => String(index + 5));
        expect(parseStat(`${pid} (${command}) S ${parentPid} ${rest.join(' ')}\n`)).toEqual({
          pid,
          command,
          state: 'S',
          parentPid,
          startTicks: 22,
        });
      }),
    );
  });

  it('refuses what is no such line', () => {
    expect(parseStat('')).toBeUndefined();
  });
});

describe('/proc', () => {
  it('knows this process', () => {
    const self = readProcess(process.pid);
    expect(self?.parentPid).toBe(process.ppid);
    expect(childrenOf(process.ppid)).toContain(process.pid);
    expect(listProcesses().map((info) => info.pid)).toContain(process.pid);
    expect(commandLine(process.pid)).not.toBe('');
  });

  it('has nothing to say about a process that is not there', () => {
    expect(readProcess(2 ** 30)).toBeUndefined();
    expect(commandLine(2 ** 30)).toBe('');
  });
});
