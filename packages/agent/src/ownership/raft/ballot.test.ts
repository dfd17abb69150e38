// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Ballot } from './ballot.ts';
import { Voter } from './election.ts';
import { Electorate } from './electorate.ts';
import type { AgentId, Body } from './messages.ts';
import { ALL_RULES } from './rules.ts';
import { DEFAULT_TIMING, oblivionMs } from './timing.ts';

const SELF: AgentId = { name: 'n1', instance: '0000000000000001' };
const CANDIDATE: AgentId = { name: 'n2', instance: '0000000000000002' };
const OTHER: AgentId = { name: 'n3', instance: '0000000000000003' };
const VOTERS = ['n1', 'n2', 'n3'];

/** A voter that was restarted with this ballot, after it has abstained. */
function restarted(ballot: Ballot) {
  const electorate = new Electorate(DEFAULT_TIMING, ALL_RULES);
  electorate.adopt({ epoch: 1, voters: VOTERS }, 0);
  const sent: Body[] = [];
  const voter = new Voter({
    id: SELF,
    timing: DEFAULT_TIMING,
    electorate,
    outbox: { send: (_to, _toInstance, body) => sent.push(body) },
    random: () => 0,
    startMs: 0,
    rules: ALL_RULES,
    ballot,
  });
  const nowMs = oblivionMs(DEFAULT_TIMING) + 1;
  const asked = (from: AgentId, term: number): unknown => {
    sent.length = 0;
    const envelope = { groupId: '', epoch: 1, to: SELF.name, toInstance: '', sequence: 1 };
    voter.receive({ ...envelope, term, from, body: { type: 'vote' } }, nowMs);
    return sent.find(({ type }) => type === 'voteReply');
  };
  return { voter, asked };
}

describe('a voter that remembers its ballot', () => {
  const ballot = { term: 7, votedFor: CANDIDATE.instance };

  it('goes on in its term, and does not vote twice in it', () => {
    const { voter, asked } = restarted(ballot);
    expect(voter.term).toBe(7);
    expect(asked(OTHER, 7)).toMatchObject({ granted: false });
    expect(asked(CANDIDATE, 7)).toMatchObject({ granted: true });
    expect(voter.ballot).toEqual(ballot);
  });

  it('votes for nobody in a term from before', () => {
    expect(restarted(ballot).asked(OTHER, 6)).toMatchObject({ granted: false });
  });

  it('is free again in a later term, and the ballot says so at once', () => {
    const { voter, asked } = restarted(ballot);
    expect(asked(OTHER, 8)).toMatchObject({ granted: true });
    expect(voter.ballot).toEqual({ term: 8, votedFor: OTHER.instance });
  });
});
