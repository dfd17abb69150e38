// SPDX-License-Identifier: Apache-2.0

/*
 * What agents say to each other. Datagrams: each may be lost, late, doubled or overtaken, and a message alone never
 * makes a claim longer than its receiver's own clock allows (README.md has the argument).
 */

/** Most addresses in one message (17 bytes each in binary, so that a datagram stays below 1,200 bytes). */
export const MAX_ADDRESSES_PER_MESSAGE = 48;
/** Most entries of {@link News} in one message: each may carry the name of a node. */
export const MAX_NEWS_PER_MESSAGE = 24;

/** One run of one agent: the name stays, the instance is drawn anew at each start (16 hexadecimal digits). */
export interface AgentId {
  readonly name: string;
  readonly instance: string;
}

/**
 * One uninterrupted time as coordinator. Unique: an instance's terms only rise, and it never coordinates twice in one
 * term. What is granted in one reign is unknown to the next, which has to be told or to wait.
 */
export interface Reign {
  readonly term: number;
  readonly coordinator: AgentId;
}

/** Who votes. Each change has the next epoch, and differs from the one before by one voter. */
export interface GroupConfig {
  readonly epoch: number;
  /** Names, sorted. */
  readonly voters: readonly string[];
  /**
   * Written without the consent of the voters before it (a reform). Who comes to follow it takes no part until all who can
   * read the record follow it, too.
   */
  readonly isReformed?: true;
}

/** Whether a member can have addresses at all. */
export type Availability =
  | 'available'
  /** Serves what it has until that is handed over; is given nothing new. */
  | 'draining'
  /** Serves nothing: no carrier, main thread stalled. */
  | 'unavailable'
  /** Serves nothing and stops now: its last word. */
  | 'gone';

/** What an agent knows of what there is to own: nothing yet, what there was some time ago, what there is. */
export type Knowledge = 'none' | 'old' | 'current';

/** A message and whom it is from and for. */
export interface Message<B extends Body = Body> {
  readonly groupId: string;
  /** Epoch that the sender follows. Lower ones are answered with {@link ConfigNews} and otherwise ignored. */
  readonly epoch: number;
  /** The sender's term. */
  readonly term: number;
  readonly from: AgentId;
  readonly to: string;
  /** Instance that it answers; '' for whoever has the name. */
  readonly toInstance: string;
  /** Rises with each message of an instance. */
  readonly sequence: number;
  readonly body: B;
}

export type Body =
  | PreVote
  | PreVoteReply
  | Vote
  | VoteReply
  | Heartbeat
  | Echo
  | HeartbeatRefused
  | Resign
  | Announce
  | Seek
  | Renew
  | Grant
  | News
  | ConfigNews;

/** Voter to voters: would you vote for me in the next term? Changes nothing at the receiver. */
export interface PreVote {
  readonly type: 'preVote';
  /** Counts the sender's attempts. */
  readonly round: number;
}

export interface PreVoteReply {
  readonly type: 'preVoteReply';
  readonly round: number;
  readonly granted: boolean;
  /** When refused because of a promise to a coordinator: how long that still lasts. */
  readonly waitMs: number;
}

/** Voter to voters: vote for me in the term of this message. */
export interface Vote {
  readonly type: 'vote';
}

/** In the envelope's term. */
export interface VoteReply {
  readonly type: 'voteReply';
  readonly granted: boolean;
}

/** Elected voter to voters: follow me; your echo lets me grant for one lease from when I sent this. */
export interface Heartbeat {
  readonly type: 'heartbeat';
  /** Rises with each heartbeat of a reign. */
  readonly nonce: number;
}

/** Voter to elected voter: I follow you and promise to follow nobody else for (a little more than) a lease. */
export interface Echo {
  readonly type: 'echo';
  readonly nonce: number;
  /** Newest epoch that the voter has followed for longer than a lease: no earlier one can give a majority with it. */
  readonly settledEpoch: number;
  /** How long grants from coordinators before you may still be alive, as far as this voter knows. */
  readonly graceMs: number;
}

/** Voter to a sender of heartbeats whose term (lower than the envelope's) or whose time is over. */
export interface HeartbeatRefused {
  readonly type: 'heartbeatRefused';
}

/** Coordinator to voters: I grant no more (in the envelope's term); your promise to me is void. */
export interface Resign {
  readonly type: 'resign';
  /** Voter that should stand for election at once; '' for nobody. */
  readonly successor: string;
}

/** Coordinator to members: I may grant; ask me. */
export interface Announce {
  readonly type: 'announce';
  /** Binding of the receiver that the coordinator knows nothing of: begin a new one. 0: none. */
  readonly unknownBinding: number;
}

/**
 * Member without a coordinator to voters. As long as there are no voters: to any agent, which answers in the same way, so that
 * it is known who can talk to whom before voters are chosen.
 */
export interface Seek {
  readonly type: 'seek';
}

/**
 * Member to coordinator: I live; extend my grants. What is granted in answer ends a fixed time after *this was sent*.
 *
 * It is also a statement: the sender takes no more grants of other bindings, has all of version `applied` of its grants
 * and nothing else, and everything removed up to version `settled` is off its node.
 */
export interface Renew {
  readonly type: 'renew';
  readonly reign: Reign;
  /** Rises each time an instance turns to a coordinator. Versions belong to a binding. */
  readonly binding: number;
  /** Rises with each renewal of an instance. */
  readonly nonce: number;
  /** Newest nonce of this instance to which it has got an answer; 0: none. Whoever asks, but hears no answers, is lost, too. */
  readonly answered: number;
  readonly applied: number;
  readonly settled: number;
  /**
   * What the member held when it turned to this coordinator: version 0 of its grants. Sent, page by page (one page in each
   * message), until the coordinator has granted something; undefined after that.
   */
  readonly report: ReportPage | undefined;
  /**
   * Addresses of version `applied` that the member does not serve, and that are off its node. It will not serve them, even
   * if it could again, before it has heard that they were taken from it.
   */
  readonly refused: readonly string[];
  /** As if all of version `applied` stood in `refused`. */
  readonly letGo: boolean;
  readonly availability: Availability;
  readonly knowledge: Knowledge;
  /** Version of {@link News} that the member has. */
  readonly newsVersion: number;
}

export interface ReportPage {
  /** From 0. */
  readonly page: number;
  readonly pages: number;
  readonly addresses: readonly string[];
  /**
   * Undefined: they are held. Else they were held, and ran out so long ago: nothing is held now. Whoever had an address last
   * should get it again.
   */
  readonly ranOutMs: number | undefined;
}

/**
 * Coordinator to member: all of version `version` is yours until `lengthMs` after you sent `nonce`. The reign is in the
 * envelope (term, from). Has the state in `version` of every address that changed after version `base`: at most
 * {@link MAX_ADDRESSES_PER_MESSAGE} together; longer changes are split into several versions.
 */
export interface Grant {
  readonly type: 'grant';
  readonly binding: number;
  readonly nonce: number;
  /** Whole milliseconds. 0 in all parts but the last of a long change: nothing is extended yet. */
  readonly lengthMs: number;
  readonly base: number;
  readonly version: number;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** Coordinator to member: who owns what, and who lives. For display and for the balancer; nobody may act as owner on it. */
export interface News {
  readonly type: 'news';
  /** 0: forget everything first. */
  readonly base: number;
  readonly version: number;
  readonly changes: readonly NewsChange[];
}

export type NewsChange =
  /** `node` '': nobody. */
  | { readonly kind: 'owner'; readonly address: string; readonly node: string }
  | {
      readonly kind: 'member';
      readonly node: string;
      /** `left` said goodbye, `lost` fell silent. */
      readonly state: 'up' | 'lost' | 'left';
      /** For how long it had been silent when it was given up, in whole milliseconds up to 65,535; 0: not measured. */
      readonly silentMs: number;
      /** How often its node has failed and is not forgiven for it, at most 255. */
      readonly losses: number;
    };

/** To somebody with a lower (or, as a question, a higher) epoch: what the sender follows. */
export interface ConfigNews {
  readonly type: 'config';
  readonly config: GroupConfig;
}
