// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import type { RaftStatus } from '../raft-driver/raft-port.ts';
import { UnheardAgents } from './unheard.ts';

const entry = (instance: string, endpoint = '192.0.2.1:7947') => ({
  instance,
  endpoint,
  controlPlane: false,
  confirmed: 0,
});
const status = (changes: Partial<RaftStatus>) =>
  ({ listeningSinceMs: 0, lastHeardMs: new Map(), rightUntilMs: undefined, ...changes }) as RaftStatus;

it('names, as coordinator, who has entered and is never heard', () => {
  const agents = new UnheardAgents('a');
  agents.observe(
    new Map([
      ['a', entry('a1')],
      ['b', entry('b1')],
      ['c', entry('c1')],
      ['d', entry('d1', '')],
    ]),
    0,
  );
  const heard = new Map([['b', 20_000]]);
  expect(agents.judge(status({ rightUntilMs: 1, lastHeardMs: heard }), 20_000)).toEqual({
    agents: ['c'],
    isAlone: false,
  });
  // Heard once and silent since is dead or cut off, which is said elsewhere.
  const both = new Map([...heard, ['c', 5_000]]);
  expect(agents.judge(status({ rightUntilMs: 1, lastHeardMs: both }), 20_000).agents).toEqual([]);
  agents.observe(
    new Map([
      ['b', entry('b1')],
      ['c', entry('c2')],
    ]),
    20_000,
  );
  expect(agents.judge(status({ rightUntilMs: 1, lastHeardMs: both }), 29_999).agents).toEqual([]);
  expect(agents.judge(status({ rightUntilMs: 1, lastHeardMs: both }), 30_000).agents).toEqual(['c']);
});

it('says that it hears nobody, and blames nobody for what a member cannot know', () => {
  const agents = new UnheardAgents('a');
  agents.observe(
    new Map([
      ['a', entry('a1')],
      ['b', entry('b1')],
      ['c', entry('c1')],
    ]),
    0,
  );
  expect(agents.judge(undefined, 50_000)).toEqual({ agents: [], isAlone: false });
  expect(agents.judge(status({}), 9_999).isAlone).toBe(false);
  expect(agents.judge(status({}), 10_000)).toEqual({ agents: [], isAlone: true });
  const heard = status({ lastHeardMs: new Map([['b', 45_000]]) });
  expect(agents.judge(heard, 50_000)).toEqual({ agents: [], isAlone: false });
});

it('misses nobody in a group of one', () => {
  const agents = new UnheardAgents('a');
  agents.observe(new Map([['a', entry('a1')]]), 0);
  expect(agents.judge(status({}), 50_000).isAlone).toBe(false);
});
