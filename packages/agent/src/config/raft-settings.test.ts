// SPDX-License-Identifier: Apache-2.0
import { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_TIMING, timingProblem } from '../ownership/raft/timing.ts';
import { type RaftSettings, readRaftSettings, timingOf } from './raft-settings.ts';

function read(env: Readonly<Record<string, string>>): {
  readonly settings: RaftSettings;
  readonly problems: readonly string[];
} {
  const reader = new SettingsReader({ env, prefer: 'env' });
  const settings = readRaftSettings(reader);
  return { settings, problems: reader.problems.map(({ setting }) => setting) };
}

describe('readRaftSettings', () => {
  it('needs nothing', () => {
    expect(read({})).toEqual({
      problems: [],
      settings: {
        port: 7947,
        address: undefined,
        family: undefined,
        timing: DEFAULT_TIMING,
        voters: 3,
        minority: 'release',
        reformAfterMs: undefined,
        keySecret: 'fairlead-group',
        keyFile: undefined,
      },
    });
  });

  it('takes everything', () => {
    const { settings, problems } = read({
      fairlead_raft_port: '7000',
      fairlead_raft_address: '2001:DB8::1',
      fairlead_raft_interval_ms: '200',
      fairlead_raft_grant_ms: '600',
      fairlead_raft_voters: '5',
      fairlead_minority: 'keep',
      fairlead_reform_after: '10m',
      fairlead_group_key_secret: 'other',
      fairlead_group_key_file: '/etc/key',
    });
    expect(problems).toEqual([]);
    expect(settings).toMatchObject({
      port: 7000,
      address: '2001:db8::1',
      family: 'ipv6',
      timing: { renewMs: 200, grantMs: 600, heartbeatMs: 80, leaseMs: 320, tailMs: 280 },
      voters: 5,
      minority: 'keep',
      reformAfterMs: 600_000,
      keySecret: 'other',
      keyFile: '/etc/key',
    });
  });

  it('says all that is wrong at once', () => {
    const { problems } = read({
      fairlead_raft_port: '0',
      fairlead_raft_address: 'here',
      fairlead_raft_family: 'ipv5',
      fairlead_raft_grant_ms: '150',
      fairlead_raft_voters: '4',
      fairlead_minority: 'perhaps',
      fairlead_reform_after: '1s',
      fairlead_group_key_secret: 'a/b',
    });
    expect([...problems].sort()).toEqual([
      'fairlead_group_key_secret',
      'fairlead_minority',
      'fairlead_raft_address',
      'fairlead_raft_family',
      'fairlead_raft_grant_ms',
      'fairlead_raft_port',
      'fairlead_raft_voters',
      'fairlead_reform_after',
    ]);
  });

  it('wants an address of the family', () => {
    expect(read({ fairlead_raft_address: '192.0.2.1', fairlead_raft_family: 'ipv6' }).problems).toEqual([
      'fairlead_raft_address',
    ]);
  });

  it('derives times that go together from any grant that is long enough', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 5_000 }),
        fc.integer({ min: 100, max: 60_000 }),
        (renew, grant) => {
          const problem = timingProblem(timingOf(renew, grant));
          expect(problem === undefined).toBe(grant >= 2 * renew);
        },
      ),
    );
  });
});
