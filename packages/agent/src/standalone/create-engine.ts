// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { SettingsError } from '@fairlead/shared/runtime/settings.ts';
import type { OwnershipEngine } from '../ownership/engine.ts';
import { EtcdClient } from '../ownership/etcd/etcd-client.ts';
import { EtcdLock } from '../ownership/etcd/etcd-lock.ts';
import { keysOfFile } from '../ownership/group/group-keys.ts';
import { listenAddress } from '../ownership/group/own-endpoint.ts';
import { createLockEngine } from '../ownership/lock/lock-engine.ts';
import { SingleLock } from '../ownership/lock/single-lock.ts';
import { type GroupRecord, MAX_VOTERS } from '../ownership/raft/group-record.ts';
import { DEFAULT_PLACEMENT } from '../ownership/raft/placement.ts';
import { BallotFile } from '../ownership/raft-driver/ballot-file.ts';
import { createRaftEngine } from '../ownership/raft-driver/raft-engine.ts';
import type { RaftKeys, RaftPort } from '../ownership/raft-driver/raft-port.ts';
import { type EngineView, NO_VIEW } from '../status/engine-view.ts';
import type { StandaloneConfig, StandaloneEngine } from './config/standalone-config.ts';
import { endpointsOf, groupIdOf, openKeys } from './group-identity.ts';

/** What {@link createEngine} needs. */
export interface EngineOptions {
  readonly config: StandaloneConfig;
  /** Where the node of the `raft` engine lives. */
  readonly port: RaftPort;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The engine, and what else can be seen of it. */
export interface StandaloneOwnership {
  readonly engine: OwnershipEngine;
  readonly view: EngineView;
}

/** Odd, so that every vote counts. More hosts than this take part without a vote. */
const MOST_VOTERS = MAX_VOTERS - 1;
/** There is one for as long as the file says the same; another file makes another group. */
const EPOCH = 1;
/** Part of a session's time to live that a question to etcd may take. */
const ETCD_PATIENCE = 4;

/** Makes the engine that the configuration asks for. @throws SettingsError when a file of it cannot be used. */
export function createEngine(options: EngineOptions): StandaloneOwnership {
  const { config, clock, logger } = options;
  const { engine, node } = config;
  if (engine.kind === 'raft') return createRaft(engine, options);
  const common = { name: engine.kind, node, clock, logger } as const;
  if (engine.kind === 'single') {
    const createLock = (listener: ConstructorParameters<typeof SingleLock>[2]) =>
      new SingleLock(node, clock, listener);
    return { engine: createLockEngine({ ...common, createLock }), view: NO_VIEW };
  }
  const { endpoints, tls, key, ttlSeconds } = engine;
  const timeoutMs = (ttlSeconds * 1_000) / ETCD_PATIENCE;
  const client = new EtcdClient({ endpoints, timeoutMs, ...(tls !== undefined && { tls }) });
  return {
    engine: createLockEngine({
      ...common,
      createLock: (listener) => new EtcdLock({ client, key, node, ttlSeconds, listener, clock, logger }),
    }),
    view: NO_VIEW,
  };
}

function createRaft(
  settings: Extract<StandaloneEngine, { kind: 'raft' }>,
  { config, port, clock, logger }: EngineOptions,
): StandaloneOwnership {
  const { node, peers } = config;
  const own = peers.find(({ name }) => name === node);
  if (own === undefined) throw new Error(`this host, ${node}, is not among the peers`);
  const groupId = groupIdOf(config);
  const voters = peers
    .map(({ name }) => name)
    .sort()
    .slice(0, MOST_VOTERS);
  const engine = createRaftEngine({ port, node, clock, logger: logger.child({ part: 'raft' }) });
  engine.setUp({
    // Whoever begins anew has forgotten its promises, so it must not be taken for the one before.
    id: { name: node, instance: randomBytes(8).toString('hex') },
    groupId,
    timing: settings.timing,
    placement: { ...DEFAULT_PLACEMENT, spread: 'one' },
    minority: settings.minority,
    listen: { address: listenAddress(own.address), port: own.port },
    keys: readKeys(settings, config),
    ballotFile: prepareBallot(settings.stateDir, groupId),
  });
  engine.follow({ config: { epoch: EPOCH, voters }, endpoints: endpointsOf(peers) });
  const record: GroupRecord = {
    groupId,
    epoch: EPOCH,
    engine: 'raft',
    switching: undefined,
    size: voters.length > 5 ? 7 : voters.length > 3 ? 5 : 3,
    voters,
    previous: undefined,
    writer: 'the configuration',
  };
  return {
    engine,
    view: {
      raft: () => engine.status(),
      group: () => record,
      onRaftEvent: (listener) => engine.onEvent(listener),
    },
  };
}

function readKeys({ keyFile }: { readonly keyFile: string | undefined }, config: StandaloneConfig): RaftKeys {
  if (keyFile === undefined) return openKeys(config);
  const problem = (expected: string) =>
    new SettingsError([{ setting: 'groupKeyFile', received: keyFile, expected }]);
  let text: string;
  try {
    text = readFileSync(keyFile, 'utf8');
  } catch (error) {
    throw problem(`a file that can be read (${wordsOf(error)})`);
  }
  const keys = keysOfFile(text);
  if (!keys.ok) throw problem(`a file of keys; ${keys.problem}`);
  return keys.value;
}

/** Tried here, because the thread that will use it has nobody to tell. */
function prepareBallot(stateDir: string, groupId: string): string {
  const path = join(stateDir, `raft-${groupId.slice(0, 12)}.vote`);
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    BallotFile.open(path).close();
    return path;
  } catch (error) {
    const expected = `a folder on a disk of this host that can be written (${wordsOf(error)})`;
    throw new SettingsError([{ setting: 'stateDir', received: stateDir, expected }]);
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
