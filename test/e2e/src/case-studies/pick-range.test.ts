// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DockerNetwork, describeNetwork } from './network-description.ts';

const SCRIPT = fileURLToPath(new URL('../../../../deploy/kind/pick-range.sh', import.meta.url));

const KIND: DockerNetwork = {
  subnets: [
    { subnet: 'fc00:f853:ccd:e793::/64', gateway: 'fc00:f853:ccd:e793::1' },
    { subnet: '172.18.0.0/16', gateway: '172.18.0.1' },
  ],
  containers: ['172.18.0.2', '172.18.0.3', '172.18.0.4', '172.18.0.5'],
};

function pick(input: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync('sh', [SCRIPT, ...args], { input, encoding: 'utf8' });
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
}

const network = (subnet: string, gateway: string, ...containers: readonly string[]) =>
  describeNetwork({ subnets: [{ subnet, gateway }], containers });

describe('pick-range.sh', () => {
  it.each([
    ['a usual network of kind', describeNetwork(KIND), [], '172.18.255.205-172.18.255.254'],
    [
      'the same on one line',
      JSON.stringify(JSON.parse(describeNetwork(KIND))),
      [],
      '172.18.255.205-172.18.255.254',
    ],
    ['another count', describeNetwork(KIND), ['5'], '172.18.255.250-172.18.255.254'],
    ['one address', describeNetwork(KIND), ['1'], '172.18.255.254-172.18.255.254'],
    ['a gateway at the end', network('10.0.0.0/24', '10.0.0.254'), ['3'], '10.0.0.251-10.0.0.253'],
    ['a gateway within', network('10.0.0.0/24', '10.0.0.250'), ['10'], '10.0.0.240-10.0.0.249'],
    ['a small network', network('10.0.0.0/29', '10.0.0.1', '10.0.0.2'), [], '10.0.0.3-10.0.0.6'],
    [
      'an address in the middle of it',
      network('10.0.9.0/29', '10.0.9.1', '10.0.9.4'),
      [],
      '10.0.9.5-10.0.9.6',
    ],
    ['the smallest', network('10.0.0.4/30', '10.0.0.5'), [], '10.0.0.6-10.0.0.6'],
    ['a large one', network('10.0.0.0/8', '10.0.0.1'), ['2'], '10.255.255.253-10.255.255.254'],
    [
      'a subnet named by one of its addresses',
      network('10.0.0.77/24', '10.0.0.1'),
      ['2'],
      '10.0.0.253-10.0.0.254',
    ],
    [
      'podman',
      '"subnets": [{"subnet": "10.89.0.0/24", "gateway": "10.89.0.1"}]',
      ['2'],
      '10.89.0.253-10.89.0.254',
    ],
  ] as const)('reads %s', (_, input, args, range) => {
    expect(pick(input, ...args)).toEqual({ status: 0, stdout: range, stderr: '' });
  });

  it.each([
    ['nothing', '', [], 1, 'no IPv4 subnet in the input'],
    ['IPv6 only', network('fd00::/64', 'fd00::1'), [], 1, 'no IPv4 subnet in the input'],
    ['a full network', network('10.0.0.0/30', '10.0.0.1', '10.0.0.2'), [], 1, 'every address of 10.0.0.0/30'],
    ['a network of one address', network('10.0.0.1/32', ''), [], 1, 'the subnet is 10.0.0.1/32'],
    ['a count that is none', '', ['many'], 2, "COUNT is 'many'"],
    ['a count of zero', '', ['0'], 2, "COUNT is '0'"],
  ] as const)('says what is wrong with %s', (_, input, args, status, message) => {
    const result = pick(input, ...args);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toContain(message);
  });

  it('gives the highest free addresses in a row, whatever is taken', () => {
    const base = 0x0a0a0000;
    const text = (value: number) =>
      [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
    fc.assert(
      fc.property(
        fc.integer({ min: 24, max: 30 }),
        fc.uniqueArray(fc.nat(255), { maxLength: 40 }),
        fc.integer({ min: 1, max: 60 }),
        (bits, offsets, count) => {
          const size = 2 ** (32 - bits);
          const taken = new Set([0, size - 1, ...offsets.map((each) => each % size)]);
          const [gateway = 1, ...containers] = offsets.map((each) => text(base + (each % size)));
          const input = network(`${text(base)}/${bits}`, String(gateway), ...containers);
          const expected = highestRun(size, taken, count);
          const { status, stdout } = pick(input, String(count));
          if (expected === undefined) expect(status).toBe(1);
          else expect(stdout).toBe(`${text(base + expected[0])}-${text(base + expected[1])}`);
        },
      ),
      { numRuns: 150 },
    );
  });
});

/** First run of that many from above, else the longest, the higher one of equals. */
function highestRun(size: number, taken: ReadonlySet<number>, count: number): [number, number] | undefined {
  let best: [number, number] | undefined;
  for (let end = size - 1; end >= 0; end--) {
    let start = end;
    while (start >= 0 && !taken.has(start) && end - start < count) start--;
    const length = end - start;
    if (length > (best === undefined ? 0 : best[1] - best[0] + 1)) best = [start + 1, end];
  }
  return best;
}
