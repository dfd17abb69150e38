// SPDX-License-Identifier: Apache-2.0
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ballot } from '../raft/ballot.ts';
import { BallotFile } from './ballot-file.ts';

const SLOT_BYTES = 512;

/** What elections make of a ballot: a later term, then a vote in it. */
const growing = fc
  .array(
    fc.record({
      terms: fc.integer({ min: 1, max: 1000 }),
      vote: fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
    }),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((steps) => {
    let term = 0;
    return steps.flatMap(({ terms, vote }): Ballot[] => {
      term += terms;
      const before = { term, votedFor: '' };
      return vote === null ? [before] : [before, { term, votedFor: vote.toString(16).padStart(16, '0') }];
    });
  });

describe('the file of a voter', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-ballot-'));
    path = join(folder, 'ballot');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function reopened<T>(read: (file: BallotFile) => T): T {
    const file = BallotFile.open(path);
    try {
      return read(file);
    } finally {
      file.close();
    }
  }

  it('begins without a vote', () => {
    expect(reopened(({ ballot }) => ballot)).toEqual({ term: 0, votedFor: '' });
  });

  it('gives back what was written last, also when the write after it was cut short', () => {
    fc.assert(
      fc.property(growing, fc.nat({ max: SLOT_BYTES - 1 }), (ballots, torn) => {
        rmSync(path, { force: true });
        for (const ballot of ballots) reopened((file) => file.write(ballot));
        expect(reopened(({ ballot }) => ballot)).toEqual(ballots.at(-1));
        // The next one goes to the slot of the one before the last.
        const fd = openSync(path, 'r+');
        writeSync(fd, '#'.repeat(torn), (ballots.length % 2) * SLOT_BYTES);
        closeSync(fd);
        expect(reopened(({ ballot }) => ballot)).toEqual(ballots.at(-1));
      }),
      { numRuns: 30 },
    );
  });

  it('refuses a file of somebody else', () => {
    writeFileSync(path, 'something else\n');
    expect(() => BallotFile.open(path)).toThrow(`${path} holds no vote of a raft voter`);
  });

  it('says when there is no such folder', () => {
    expect(() => BallotFile.open(join(folder, 'missing', 'ballot'))).toThrow('ENOENT');
  });
});
