// SPDX-License-Identifier: Apache-2.0
import type { FaultReport } from '@fairlead/test-apiserver/faults/faults.ts';
import type { FaultRule } from '@fairlead/test-apiserver/faults/rules.ts';
import type { Journal, JournalEntry } from '../journal.ts';
import type { AdminApi } from './admin-api.ts';

const PATH = '/fairlead/faults';

/** Faults of the embedded API server, ordered over HTTPS and noted in the journal. */
export class ApiServerFaults {
  readonly #api: AdminApi;
  readonly #journal: Journal;

  constructor(api: AdminApi, journal: Journal) {
    this.#api = api;
    this.#journal = journal;
  }

  /** Replaces all rules; with a seed the dice start again. */
  setRules(rules: readonly FaultRule[], seed?: number): Promise<JournalEntry> {
    return this.#order('rules', { rules, ...(seed === undefined ? {} : { seed }) });
  }

  /** Ends every watch that is open. */
  cutWatches(): Promise<JournalEntry> {
    return this.#order('watches cut', { watches: 'cut' });
  }

  /** Watches stay open and say nothing more. */
  stallWatches(): Promise<JournalEntry> {
    return this.#order('watches stall', { watches: 'stall' });
  }

  /** Stalled watches go on with what they held back, or (`cut`) end without it. */
  releaseWatches(how: 'send' | 'cut' = 'send'): Promise<JournalEntry> {
    return this.#order('watches release', { watches: how === 'send' ? 'release' : 'release-cut' });
  }

  /** Forgets the history: watches from an older version get 410. */
  compact(): Promise<JournalEntry> {
    return this.#order('compact', { compact: true });
  }

  /** Closes every connection. */
  cutConnections(): Promise<JournalEntry> {
    return this.#order('connections cut', { connections: 'cut' });
  }

  /** Nobody is served for a while: connections are refused, or hang. */
  outage(how: 'refuse' | 'blackhole', forMs: number): Promise<JournalEntry> {
    return this.#order(`outage ${how} ${forMs} ms`, { outage: how, forMs });
  }

  /** Ends and comes back with the same objects after a while. */
  restart(downMs: number): Promise<JournalEntry> {
    return this.#order(`restart ${downMs} ms`, { restart: { downMs } });
  }

  /** Ends all faults. */
  clear(): Promise<JournalEntry> {
    return this.#order('clear', { clear: true });
  }

  /** What is set, and how often each rule has hit. */
  report(): Promise<FaultReport> {
    return this.#api.get<FaultReport>(PATH);
  }

  #order(what: string, order: unknown): Promise<JournalEntry> {
    return this.#journal.record(
      'fault',
      'api-server',
      async () => {
        const { status, body } = await this.#api.send('POST', PATH, order);
        if (status !== 200) throw new Error(`POST ${PATH}: status ${status}, expected 200: ${body}`);
      },
      what,
    );
  }
}
