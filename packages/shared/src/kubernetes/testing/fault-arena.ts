// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { KubeClient } from '../client.ts';
import { connect } from '../connect.ts';
import { type ConfigMap, keyOf } from '../objects.ts';
import type { Change } from '../reflector.ts';
import { CONFIG_MAPS, NAMESPACES } from '../resources.ts';
import { FaultProxy } from './fault-proxy.ts';
import type { FaultServer } from './fault-servers.ts';
import type { StartSubject, Subject } from './fault-subjects.ts';

/** Label of the objects that the tests write; others (kube-root-ca.crt) do not count. */
const OURS = 'fault-test';

/** Follows the changes a subject tells of, and notes everything that makes no sense. */
export class Audit {
  readonly known = new Map<string, ConfigMap>();
  /** resourceVersions in the order they were told, deletions included. */
  readonly versions: string[] = [];
  /** uids that were reported deleted. */
  readonly deleted = new Set<string>();
  readonly nonsense: string[] = [];

  readonly tell = (change: Change<ConfigMap>): void => {
    const { object } = change;
    if (object.metadata?.labels?.[OURS] === undefined) return;
    const key = keyOf(object);
    const before = this.known.get(key);
    const uid = object.metadata?.uid ?? '';
    if (change.type === 'added' && before !== undefined) this.nonsense.push(`${key} added twice`);
    if (change.type !== 'added' && before?.metadata?.uid !== uid) {
      this.nonsense.push(`${key} ${change.type} with uid ${uid}, known is ${before?.metadata?.uid}`);
    }
    this.versions.push(object.metadata?.resourceVersion ?? '');
    if (change.type === 'deleted') {
      this.known.delete(key);
      this.deleted.add(uid);
    } else this.known.set(key, object);
  };
}

/** A server, a relay with faults before it, a subject that goes through the relay, and a writer that does not. */
export class Arena {
  readonly server: FaultServer;
  readonly proxy: FaultProxy;
  readonly audit = new Audit();
  readonly namespace: string;
  /** Objects as the server has them now, by name. */
  readonly truth = new Map<string, ConfigMap>();
  /** resourceVersions of all creations and changes. */
  readonly written: string[] = [];
  /** uids of all objects that were deleted. */
  readonly deleted: string[] = [];
  readonly #startSubject: StartSubject;
  #folder = '';
  #writer: KubeClient | undefined;
  #subject: Subject | undefined;
  #names = 0;

  constructor(server: FaultServer, startSubject: StartSubject, namespace: string) {
    this.server = server;
    this.proxy = new FaultProxy(server.port);
    this.namespace = namespace;
    this.#startSubject = startSubject;
  }

  /** Starts all with three objects present. */
  async start(): Promise<void> {
    this.#folder = await mkdtemp(path.join(tmpdir(), 'faults-'));
    await this.proxy.start();
    this.#writer = await connect({ kubeconfig: await this.#kubeconfig('direct', this.server.port) });
    await this.#writer.create(NAMESPACES, { metadata: { name: this.namespace } });
    for (const name of ['one', 'two', 'three']) await this.put(name);
    const kubeconfig = await this.#kubeconfig('relay', this.proxy.port);
    this.#subject = await this.#startSubject(kubeconfig, this.namespace, this.audit.tell);
    await this.caughtUp(10_000);
  }

  async close(): Promise<void> {
    await this.proxy.heal();
    await this.#subject?.stop();
    this.#writer?.close();
    await this.proxy.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get writer(): KubeClient {
    if (this.#writer === undefined) throw new Error('the arena has not been started');
    return this.#writer;
  }

  /** Creates or changes an object, past all network faults. */
  async put(name = `new-${++this.#names}`): Promise<void> {
    const object: ConfigMap = {
      metadata: { namespace: this.namespace, name, labels: { [OURS]: 'yes' } },
      data: { at: String(performance.now()) },
    };
    const written = this.truth.has(name)
      ? await this.writer.replace(CONFIG_MAPS, object)
      : await this.writer.create(CONFIG_MAPS, object);
    this.truth.set(name, written);
    this.written.push(written.metadata?.resourceVersion ?? '');
  }

  async remove(name: string): Promise<void> {
    await this.writer.remove(CONFIG_MAPS, { namespace: this.namespace, name });
    this.deleted.push(this.truth.get(name)?.metadata?.uid ?? '');
    this.truth.delete(name);
  }

  /** A bit of everything: an addition, a change, a deletion, and one object deleted and made again. */
  async stir(): Promise<void> {
    await this.put();
    await this.put('one');
    await this.put('passing');
    await this.remove('passing');
    await this.remove('two');
    await this.put('two');
  }

  /** Waits until the subject has what the server has; says how long that took. Fails after `limitMs`. */
  async caughtUp(limitMs: number): Promise<number> {
    const startMs = performance.now();
    for (;;) {
      const takenMs = performance.now() - startMs;
      if (this.#sameAsTruth()) return takenMs;
      if (takenMs > limitMs) {
        const has = [...this.audit.known.values()].map(brief).sort();
        const should = [...this.truth.values()].map(brief).sort();
        throw new Error(
          `not caught up after ${limitMs} ms: has ${has.join(' ')}; should have ${should.join(' ')}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #sameAsTruth(): boolean {
    const stored = [...(this.#subject?.values() ?? [])].filter(
      (o) => o.metadata?.labels?.[OURS] !== undefined,
    );
    const should = [...this.truth.values()].map(brief).sort().join();
    return (
      stored.map(brief).sort().join() === should &&
      [...this.audit.known.values()].map(brief).sort().join() === should
    );
  }

  async #kubeconfig(name: string, port: number): Promise<string> {
    const file = path.join(this.#folder, name);
    await writeFile(file, this.server.kubeconfig(port));
    return file;
  }
}

function brief(object: ConfigMap): string {
  return `${object.metadata?.name}@${object.metadata?.resourceVersion}`;
}
