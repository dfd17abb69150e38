// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logging.ts';
import {
  ApiError,
  type KubeClient,
  type ListOptions,
  NetworkError,
  type ObjectList,
  ProtocolError,
  type WatchEvent,
  type WatchOptions,
} from './client.ts';
import { createReflector } from './create-reflector.ts';
import type { ConfigMap } from './objects.ts';
import type { Change, Reflector, ReflectorOptions } from './reflector.ts';
import { CONFIG_MAPS } from './resources.ts';
import { ServerHealth } from './server-health.ts';

/** A server in simulated time that answers as the test says. */
class FakeServer {
  readonly clock = new ManualClock();
  readonly health = new ServerHealth();
  readonly requests: string[] = [];
  onList: (options: ListOptions) => ObjectList<ConfigMap> = () => ({ items: [], resourceVersion: '1' });
  onWatch: (options: WatchOptions) => AsyncIterable<WatchEvent<ConfigMap>> = (options) => this.quiet(options);

  readonly client = {
    server: 'fake',
    health: this.health,
    list: async (_resource: unknown, options: ListOptions) => {
      this.requests.push('list');
      return this.onList(options);
    },
    watch: (_resource: unknown, options: WatchOptions) => {
      this.requests.push('watch');
      return this.onWatch(options);
    },
  } as unknown as KubeClient;

  /** A watch on which nothing happens; like a real server it ends by itself. */
  quiet(options: WatchOptions): AsyncGenerator<WatchEvent<ConfigMap>> {
    return this.play(options, [], options.timeoutSeconds * 1000);
  }

  /** A watch that stays open and dead. */
  dead(options: WatchOptions): AsyncGenerator<WatchEvent<ConfigMap>> {
    return this.play(options, [], Number.POSITIVE_INFINITY);
  }

  /** A watch with these events at its start, that ends after `ms`. */
  async *play(
    options: WatchOptions,
    events: readonly WatchEvent<ConfigMap>[],
    ms: number,
  ): AsyncGenerator<WatchEvent<ConfigMap>> {
    options.onOpen?.();
    yield* events;
    await this.during(options, ms);
  }

  /** Lets time pass within a watch; throws when the watch is given up. */
  during(options: WatchOptions, ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (options.signal.aborted) reject(options.signal.reason);
      options.signal.addEventListener('abort', () => reject(options.signal.reason));
      if (Number.isFinite(ms)) this.clock.setTimer(resolve, ms);
    });
  }
}

let running: Reflector<ConfigMap> | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

function given(server: FakeServer, more: Partial<ReflectorOptions<ConfigMap>> = {}) {
  const reflector = createReflector({
    client: server.client,
    resource: CONFIG_MAPS,
    logger: silentLogger,
    clock: server.clock,
    random: () => 0.5,
    ...more,
  });
  const told: string[] = [];
  reflector.subscribe((change) => told.push(brief(change)));
  running = reflector;
  return { reflector, told };
}

function brief({ type, object }: Change<ConfigMap>): string {
  return `${type} ${object.metadata?.name}@${object.metadata?.resourceVersion}`;
}

function object(name: string, resourceVersion: string, uid = name): ConfigMap {
  return { metadata: { namespace: 'n', name, resourceVersion, uid } };
}

/** A watch that yields `events` and then fails, or ends. */
async function* scripted(
  events: readonly WatchEvent<ConfigMap>[],
  error?: Error,
): AsyncGenerator<WatchEvent<ConfigMap>> {
  yield* events;
  if (error !== undefined) throw error;
}

const failing = (error: Error) => scripted([], error);

const cut = () => new NetworkError('body', false, 'cut');

const flapping: Record<string, (server: FakeServer) => void> = {
  'refuses everything': (server) => {
    server.onList = () => {
      throw new NetworkError('connect', false, 'refused');
    };
  },
  'cuts each watch at once': (server) => {
    server.onWatch = () => failing(cut());
  },
  'ends each watch at once': (server) => {
    server.onWatch = () => scripted([]);
  },
  'cuts each watch after one event': (server) => {
    let version = 1;
    server.onWatch = async function* (options) {
      options.onOpen?.();
      version += 1;
      yield { type: 'MODIFIED', object: object('a', String(version)) };
      throw cut();
    };
  },
  'says that each version is too old': (server) => {
    server.onWatch = () => failing(new ApiError(410, 'Expired', 'old'));
  },
  'talks nonsense': (server) => {
    server.onWatch = () => failing(new ProtocolError('nonsense'));
  },
  'recovers all the time': (server) => {
    server.onWatch = (options) => server.dead(options);
    const recover = () => {
      server.health.reportFailure();
      server.health.reportAnswer();
      server.clock.setTimer(recover, 20);
    };
    recover();
  },
  'is set back all the time': (server) => {
    server.onList = () => ({ items: [], resourceVersion: '100' });
    server.onWatch = async function* () {
      yield { type: 'BOOKMARK', object: { metadata: { resourceVersion: '50' } } };
    };
  },
};

test.each(Object.keys(flapping))(
  'a server that %s gets at most 60 requests a minute, beyond the first 20',
  async (name) => {
    const server = new FakeServer();
    flapping[name]?.(server);
    given(server).reflector.start();
    for (let minute = 1; minute <= 5; minute += 1) {
      await server.clock.advanceAsync(60_000);
      expect(server.requests.length).toBeLessThanOrEqual(20 + 60 * minute + 1);
      // Nor does it give up.
      expect(server.requests.length).toBeGreaterThan(14 * minute);
    }
  },
);

test('in quiet times there is one watch every three seconds and one list in all', async () => {
  const server = new FakeServer();
  const { reflector } = given(server);
  reflector.start();
  await server.clock.advanceAsync(60_000);
  expect(reflector.stats()).toEqual({ lists: 1, watches: 20 + 1, failures: 0, stalls: 0 });
  expect(reflector.freshnessMs()).toBeLessThanOrEqual(3_000);
});

test('a dead watch is given up after maxIdleMs and continued from the last version', async () => {
  const server = new FakeServer();
  const from: string[] = [];
  server.onWatch = async function* (options) {
    from.push(options.resourceVersion);
    options.onOpen?.();
    if (from.length === 1) yield { type: 'ADDED', object: object('a', '7') };
    await server.during(options, Number.POSITIVE_INFINITY);
  };
  const { reflector, told } = given(server);
  reflector.start();
  await server.clock.advanceAsync(3_990);
  expect(from).toEqual(['1']);
  expect(reflector.freshnessMs()).toBeGreaterThan(3_900);
  await server.clock.advanceAsync(20);
  expect(from).toEqual(['1', '7']);
  expect(told).toEqual(['added a@7']);
  expect(reflector.stats().stalls).toBe(1);
});

test('nonsense on a watch is answered with a new watch from the last good event', async () => {
  const server = new FakeServer();
  const from: string[] = [];
  server.onWatch = async function* (options) {
    from.push(options.resourceVersion);
    options.onOpen?.();
    if (from.length === 1) {
      yield { type: 'ADDED', object: object('a', '2') };
      throw new ProtocolError('nonsense');
    }
    yield { type: 'DELETED', object: object('a', '3') };
    await server.during(options, 3_000);
  };
  const { reflector, told } = given(server);
  reflector.start();
  await server.clock.advanceAsync(1_000);
  expect(from).toEqual(['1', '2']);
  expect(told).toEqual(['added a@2', 'deleted a@3']);
  expect(reflector.stats().lastError).toBe('nonsense');
});

test('a list longer than a page is read to the end; when its history is gone meanwhile, at once', async () => {
  const server = new FakeServer();
  const asked: string[] = [];
  server.onList = ({ limit, continueToken }) => {
    asked.push(`${limit} ${continueToken}`);
    if (limit === undefined) return { items: [object('a', '1'), object('c', '3')], resourceVersion: '9' };
    if (continueToken === undefined)
      return { items: [object('a', '1')], resourceVersion: '5', continueToken: 'x' };
    if (continueToken === 'x') return { items: [object('b', '2')], resourceVersion: '5', continueToken: 'y' };
    throw new ApiError(410, 'Expired', 'old');
  };
  const { reflector, told } = given(server, { pageSize: 1 });
  reflector.start();
  await server.clock.advanceAsync(10);
  expect(asked).toEqual(['1 undefined', '1 x', '1 y', 'undefined undefined']);
  expect(told).toEqual(['added a@1', 'added c@3']);
});

test('data that was put back to an older state is listed anew, also when the watch says nothing', async () => {
  const server = new FakeServer();
  let listVersion = '100';
  server.onList = () => ({ items: [object('a', listVersion)], resourceVersion: listVersion });
  let watches = 0;
  server.onWatch = (options) => {
    watches += 1;
    // A restart: the connection breaks, and the server comes back with what was in the backup.
    if (watches === 1) {
      listVersion = '40';
      return failing(cut());
    }
    return server.quiet(options);
  };
  const { reflector, told } = given(server);
  reflector.start();
  await server.clock.advanceAsync(1_000);
  expect(told).toEqual(['added a@100', 'updated a@40']);
});

test('when one reflector sees the server again, the others do not sleep out their pause', async () => {
  const server = new FakeServer();
  let down = true;
  server.onList = () => {
    if (down) throw new NetworkError('connect', false, 'refused');
    return { items: [], resourceVersion: '1' };
  };
  const { reflector } = given(server);
  reflector.start();
  await server.clock.advanceAsync(20_000);
  down = false;
  server.health.reportFailure();
  server.health.reportAnswer();
  await server.clock.advanceAsync(1_000);
  expect(reflector.isSynced).toBe(true);
});

test('a listener that throws harms nobody, and who comes late is told what is there', async () => {
  const server = new FakeServer();
  server.onList = () => ({ items: [object('a', '1')], resourceVersion: '1' });
  const { reflector, told } = given(server);
  reflector.subscribe(() => {
    throw new Error('on purpose');
  });
  const after: string[] = [];
  const unsubscribe = reflector.subscribe((change) => after.push(brief(change)));
  reflector.start();
  await server.clock.advanceAsync(10);
  const late: string[] = [];
  reflector.subscribe((change) => late.push(brief(change)));
  expect([told, after, late]).toEqual([['added a@1'], ['added a@1'], ['added a@1']]);
  unsubscribe();
});

test('synced waits for the first list, and ends with its signal or with the reflector', async () => {
  const server = new FakeServer();
  server.onList = () => {
    throw new NetworkError('connect', false, 'refused');
  };
  const { reflector } = given(server);
  expect(reflector.freshnessMs()).toBe(Number.POSITIVE_INFINITY);
  const impatient = new AbortController();
  const first = reflector.synced(impatient.signal);
  impatient.abort(new Error('no time'));
  await expect(first).rejects.toThrow('no time');
  const second = reflector.synced();
  reflector.start();
  await reflector.stop();
  await expect(second).rejects.toThrow('stopped before its first list');
  expect(server.clock.pendingTimers).toBe(0);
});

test('objects are transformed before they are stored and told', async () => {
  const server = new FakeServer();
  server.onList = () => ({ items: [{ ...object('a', '1'), data: { x: 'y' } }], resourceVersion: '1' });
  const { reflector } = given(server, { transform: ({ data: _, ...rest }) => rest });
  reflector.start();
  await server.clock.advanceAsync(10);
  expect([...reflector.store.values()]).toEqual([object('a', '1')]);
  expect(reflector.store.get('n', 'a')).toEqual(object('a', '1'));
});
