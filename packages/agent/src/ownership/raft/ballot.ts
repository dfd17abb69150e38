// SPDX-License-Identifier: Apache-2.0

/**
 * What Raft has a voter remember across restarts: the newest term it has seen, and whom it has its vote in that term. Two
 * coordinators of one term would need a voter that has voted twice.
 *
 * Safety does not rest on it (a restarted voter abstains, see `Promises`); it keeps terms from beginning anew, and votes
 * from being given twice even to a clock that cannot be trusted.
 */
export interface Ballot {
  readonly term: number;
  /** Instance that has the vote of this term; '': nobody yet. */
  readonly votedFor: string;
}

/** Of a voter that has never voted. */
export const EMPTY_BALLOT: Ballot = { term: 0, votedFor: '' };
