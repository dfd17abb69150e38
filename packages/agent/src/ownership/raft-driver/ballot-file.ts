// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { closeSync, constants, fdatasyncSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Ballot, EMPTY_BALLOT } from '../raft/ballot.ts';

/** One sector: what a disk writes as a whole. */
const SLOT_BYTES = 512;
const SLOTS = 2;
const LINE = /^term=(\d{1,10}) vote=([0-9a-f]{16}|-) sum=([0-9a-f]{16})\n/;

/**
 * Term and vote of one voter on disk. Two slots in turn, each with a checksum: a write that is cut short by a power failure
 * spoils the older one of the two ballots, never the one that was promised last. One flush for each ballot, in the thread of
 * the caller, for nothing may be said before it is over; there is one for each election.
 */
export class BallotFile {
  readonly #fd: number;
  #ballot: Ballot;
  /** The one that holds {@link ballot}. */
  #slot: number;

  private constructor(fd: number, slot: number, ballot: Ballot) {
    this.#fd = fd;
    this.#slot = slot;
    this.#ballot = ballot;
  }

  /**
   * Opens it, or makes an empty one in a folder that exists.
   *
   * @throws Error when it cannot be read or written, or holds something else.
   */
  static open(path: string): BallotFile {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      const slots = readSlots(fd);
      if (slots === undefined) {
        syncFolder(dirname(path));
        return new BallotFile(fd, SLOTS - 1, EMPTY_BALLOT);
      }
      const [first, second] = slots;
      const slot = isNewer(second, first) ? 1 : 0;
      const ballot = slots[slot];
      if (ballot !== undefined) return new BallotFile(fd, slot, ballot);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
    throw new Error(
      `${path} holds no vote of a raft voter; expected one that an agent has written: remove the file`,
    );
  }

  /** The newest that is safe on disk. */
  get ballot(): Ballot {
    return this.#ballot;
  }

  /** Returns when it is safe on disk. @throws Error when the disk does not take it; the one before stays. */
  write(ballot: Ballot): void {
    if (ballot.term === this.#ballot.term && ballot.votedFor === this.#ballot.votedFor) return;
    const slot = (this.#slot + 1) % SLOTS;
    const text = lineOf(ballot)
      .padEnd(SLOT_BYTES - 1)
      .concat('\n');
    writeSync(this.#fd, text, slot * SLOT_BYTES, 'latin1');
    fdatasyncSync(this.#fd);
    this.#slot = slot;
    this.#ballot = ballot;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function lineOf({ term, votedFor }: Ballot): string {
  const vote = votedFor === '' ? '-' : votedFor;
  return `term=${term} vote=${vote} sum=${sumOf(String(term), vote)}\n`;
}

function sumOf(term: string, vote: string): string {
  return createHash('sha256').update(`${term} ${vote}`).digest('hex').slice(0, 16);
}

/** Undefined: nothing was ever written. */
function readSlots(fd: number): readonly [Ballot | undefined, Ballot | undefined] | undefined {
  const bytes = Buffer.alloc(SLOTS * SLOT_BYTES);
  const length = readSync(fd, bytes, 0, bytes.length, 0);
  if (length === 0) return undefined;
  const slot = (index: number) =>
    ballotOf(bytes.toString('latin1', index * SLOT_BYTES, (index + 1) * SLOT_BYTES));
  return [slot(0), slot(1)];
}

function ballotOf(text: string): Ballot | undefined {
  const [, term = '', vote = '', sum] = LINE.exec(text) ?? [];
  if (sum === undefined || sum !== sumOf(term, vote)) return undefined;
  return { term: Number(term), votedFor: vote === '-' ? '' : vote };
}

/** Ballots only grow: a later term, or a vote in a term that had none. */
function isNewer(a: Ballot | undefined, b: Ballot | undefined): boolean {
  if (a === undefined || b === undefined) return a !== undefined;
  return a.term > b.term || (a.term === b.term && b.votedFor === '' && a.votedFor !== '');
}

/** Without it a power failure can take the name of a new file away. */
function syncFolder(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
