// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import type { Parsed } from '@fairlead/shared/address/parsed.ts';
import { isForbidden, isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { SECRETS } from '@fairlead/shared/kubernetes/resources.ts';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { RaftKeys } from '../raft-driver/raft-port.ts';
import { keysOfFile, keysOfSecret, sameKeys } from './group-keys.ts';

/** The keys of the group as they are, and told when they change. */
export interface KeySource {
  /** Resolves after the first look, whatever it has shown. */
  start(): Promise<void>;
  stop(): void;
  /** The newest that were good; undefined: there were none yet. */
  keys(): RaftKeys | undefined;
  /** What is wrong now, for people; undefined: nothing. */
  problem(): string | undefined;
  /** Looks soon: somebody signs with a key that we do not know. */
  suspect(): void;
  /** Keys or problem have changed. */
  onChange(listener: () => void): () => void;
}

/** What {@link createKeySource} needs. */
export interface KeySourceOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly secret: string;
  /** Read instead of the Secret. */
  readonly file: string | undefined;
  /** Does anybody need the key? Where Leases decide, nobody does, and there may be none. */
  readonly isNeeded: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * How often it is looked for another key. A right to `get` this one Secret is all that is needed for it; a watch would need
 * more. Whoever meets a key that it does not know looks at once.
 */
const LOOK_MS = 30_000;
/** As long as there is no key: whoever has just installed us is about to create it. */
const LOOK_FOR_FIRST_MS = 5_000;
const INSTALLING_MS = 60_000;
/** Should the engine be changed some day. */
const LOOK_UNNEEDED_MS = 120_000;
/** As long as there are several: one is being replaced, and somebody waits before each step. */
const LOOK_WHILE_CHANGING_MS = 5_000;
/** A file costs nothing. */
const LOOK_AT_FILE_MS = 2_000;
/** Somebody may sign with a foreign key for ever. */
const SUSPECT_MS = 2_000;
const READ_LIMIT_MS = 5_000;

/** Makes a source: the file if there is one, else the Secret. */
export function createKeySource(options: KeySourceOptions): KeySource {
  return new PolledKeySource(options);
}

class PolledKeySource implements KeySource {
  readonly #options: KeySourceOptions;
  readonly #listeners = new Set<() => void>();
  readonly #where: string;
  #keys: RaftKeys | undefined;
  #problem: string | undefined;
  #timer: Timer | undefined;
  #startMs = 0;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isLooking = false;
  #isStopped = false;

  constructor(options: KeySourceOptions) {
    this.#options = options;
    const { file, namespace, secret } = options;
    this.#where = file ?? `Secret ${namespace}/${secret}`;
  }

  async start(): Promise<void> {
    this.#startMs = this.#options.clock.monotonicMs();
    await this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  keys(): RaftKeys | undefined {
    return this.#keys;
  }

  problem(): string | undefined {
    return this.#problem;
  }

  suspect(): void {
    if (this.#isLooking || this.#isStopped) return;
    const waitMs = this.#lookedMs + SUSPECT_MS - this.#options.clock.monotonicMs();
    this.#lookLater(Math.max(0, waitMs));
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      this.#take(await this.#read());
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isLooking = false;
      this.#lookedMs = this.#options.clock.monotonicMs();
      this.#lookLater(this.#intervalMs());
    }
  }

  #intervalMs(): number {
    if (this.#options.file !== undefined) return LOOK_AT_FILE_MS;
    if (!this.#options.isNeeded()) return LOOK_UNNEEDED_MS;
    const isFresh = this.#options.clock.monotonicMs() < this.#startMs + INSTALLING_MS;
    if (this.#keys === undefined && isFresh) return LOOK_FOR_FIRST_MS;
    if (this.#keys === undefined) return LOOK_MS;
    return this.#keys.others.length > 0 ? LOOK_WHILE_CHANGING_MS : LOOK_MS;
  }

  #lookLater(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#isStopped) return;
    this.#timer = this.#options.clock.setTimer(() => void this.#look(), delayMs);
  }

  async #read(): Promise<Parsed<RaftKeys>> {
    const { client, file, namespace, secret } = this.#options;
    if (file !== undefined) return keysOfFile(await readFile(file, 'utf8'));
    return keysOfSecret(await client.get(SECRETS, { namespace, name: secret }, { timeoutMs: READ_LIMIT_MS }));
  }

  #take(read: Parsed<RaftKeys>): void {
    if (!read.ok) {
      this.#become(`${this.#where}: ${read.problem}`);
      return;
    }
    const isNew = !sameKeys(this.#keys, read.value);
    if (isNew) {
      const { others } = read.value;
      this.#options.logger.info({ from: this.#where, accepted: others.length + 1 }, 'keys of the group read');
      this.#keys = read.value;
    }
    if (this.#problem !== undefined || isNew) {
      this.#problem = undefined;
      this.#tell();
    }
  }

  /** That an API server does not answer says nothing about the key. */
  #failed(error: unknown): void {
    const { file, logger } = this.#options;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (isNotFound(error)) {
      const hint = `kubectl create secret generic ${this.#options.secret} -n ${this.#options.namespace} --from-literal=key=...`;
      this.#become(`${this.#where} does not exist; create it (${hint})`);
    } else if (isForbidden(error)) this.#become(`${this.#where} may not be read; allow get on it`);
    else if (file !== undefined) this.#become(`${this.#where} cannot be read: ${String(code ?? error)}`);
    else logger.debug({ err: error }, 'the key of the group could not be looked at');
  }

  #become(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
