// SPDX-License-Identifier: Apache-2.0
import type { Arena } from './fault-arena.ts';

/** The promise: this long after the server answers again at the latest, the store has what the server has. */
export const BLIND_LIMIT_MS = 5_000;

/** One disturbance. `run` returns the longest blind time, counted from when the server answers (again). */
export interface Scenario {
  readonly name: string;
  /** History stays available, so that each single event must arrive, in order, once. */
  readonly exact: boolean;
  /** Needs faults that only the embedded server can make. */
  readonly embedded?: boolean;
  /** Disturbs everybody who uses the server. */
  readonly alone?: boolean;
  run(arena: Arena): Promise<number>;
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** More than the subject may take; what takes longer than {@link BLIND_LIMIT_MS} is a finding, not a hang. */
const PATIENCE_MS = 45_000;

/** All disturbances of the network and the server. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'connections are cut again and again under load',
    exact: true,
    async run(arena) {
      let worstMs = 0;
      for (let round = 0; round < 12; round += 1) {
        arena.proxy.cut();
        await arena.stir();
        worstMs = Math.max(worstMs, await arena.caughtUp(PATIENCE_MS));
      }
      return worstMs;
    },
  },
  {
    name: 'connections stall without a word, new ones work',
    exact: true,
    async run(arena) {
      arena.proxy.stall();
      await arena.stir();
      return arena.caughtUp(PATIENCE_MS);
    },
  },
  {
    name: 'nothing passes for seven seconds',
    exact: true,
    async run(arena) {
      arena.proxy.blackhole();
      await arena.stir();
      await wait(7_000);
      await arena.stir();
      await arena.proxy.heal();
      return arena.caughtUp(PATIENCE_MS);
    },
  },
  {
    name: 'connections are refused for seven seconds',
    exact: true,
    async run(arena) {
      await arena.proxy.refuse();
      await arena.stir();
      await wait(7_000);
      await arena.stir();
      await arena.proxy.heal();
      return arena.caughtUp(PATIENCE_MS);
    },
  },
  {
    name: 'a quiet minute in short: an event long after the last one',
    exact: true,
    async run(arena) {
      await wait(9_500);
      await arena.stir();
      return arena.caughtUp(PATIENCE_MS);
    },
  },
  {
    name: 'history is compacted while the connection is down',
    exact: false,
    embedded: true,
    async run(arena) {
      await arena.proxy.refuse();
      await arena.stir();
      await arena.remove('three');
      arena.server.faults?.compact();
      await arena.proxy.heal();
      return arena.caughtUp(PATIENCE_MS);
    },
  },
  {
    name: 'every answer is an error for four seconds',
    exact: true,
    embedded: true,
    async run(arena) {
      let worstMs = 0;
      for (const status of [500, 503, 429] as const) {
        const select = { verbs: ['list', 'watch'], resources: [], namespaces: [], users: [] };
        arena.server.faults?.setRules([{ select, status }]);
        arena.proxy.cut();
        await arena.stir();
        await wait(4_000);
        await arena.stir();
        arena.server.faults?.setRules([]);
        worstMs = Math.max(worstMs, await arena.caughtUp(PATIENCE_MS));
      }
      return worstMs;
    },
  },
  {
    name: 'half of all answers are errors, and all are late',
    exact: true,
    embedded: true,
    async run(arena) {
      const select = { verbs: ['list', 'watch'], resources: [], namespaces: [], users: [] };
      arena.server.faults?.setRules([
        { select, status: 500, rate: 0.5 },
        { select, latencyMs: 800, jitterMs: 400 },
      ]);
      arena.proxy.cut();
      await arena.stir();
      return arena.caughtUp(PATIENCE_MS);
    },
  },
  {
    name: 'the server holds its watches back',
    exact: true,
    embedded: true,
    async run(arena) {
      arena.server.faults?.stallWatches();
      await arena.stir();
      await wait(6_000);
      arena.server.faults?.releaseWatches('cut');
      return arena.caughtUp(PATIENCE_MS);
    },
  },
  {
    name: 'the server restarts on the same port, with its data and without its history',
    exact: false,
    alone: true,
    async run(arena) {
      await arena.stir();
      await arena.proxy.refuse();
      await arena.stir();
      await arena.remove('three');
      await arena.server.restart(2_000);
      await arena.proxy.heal();
      const first = await arena.caughtUp(PATIENCE_MS);
      await arena.stir();
      return Math.max(first, await arena.caughtUp(PATIENCE_MS));
    },
  },
];
