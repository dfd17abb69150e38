// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url';
import { ENDPOINT_SLICES, LEASES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { Cluster } from '@fairlead/test-e2e/fixture.ts';
import { CLIENT, CONTROL_PLANE, hostOf } from '@fairlead/test-lab/network/plan.ts';
import type { LabProcess } from '@fairlead/test-lab/process/lab-process.ts';
import { type AgentLine, AgentLog } from './agent-log.ts';
import {
  addressOfBulk,
  ELSEWHERE,
  ENDPOINT_PORT,
  endpointsOfBulk,
  LEAVING_TO_OTHERS,
  serviceOf,
  sliceOf,
  TARGET,
  TARGET_ADDRESS,
  TARGET_ENDPOINTS,
  TARGET_PORT,
} from './objects.ts';
import type { UpdateOptions } from './options.ts';

const NODE = 'worker1';
const KEY = `default/${TARGET}`;
const FOLLOWED = 'connections follow new endpoints';
/** Requests under way at the same time while objects are made. */
const WIDTH = 16;
/** Changes come at this pace at most. */
const PACE_MS = 30;
const LIMIT_MS = 120_000;
/** New flows that one look opens: each endpoint has several turns. */
const PROBES = 3 * TARGET_ENDPOINTS.length;

/** What was seen with one number of Services. */
export interface UpdateRound {
  readonly services: number;
  /** Arrival of the watch event until the kernel steers new connections, of each change. */
  readonly tookMs: readonly number[];
  /** The request that changed the slice, of each change. */
  readonly apiMs: readonly number[];
  /** Looks of the client at new flows after a change: those that went to an endpoint that was gone, and those missed by a new one. */
  readonly looks: number;
  readonly wrongLooks: number;
}

/** What the whole session showed. */
export interface UpdateRecord {
  readonly apiServer: string;
  readonly rounds: readonly UpdateRound[];
  readonly flow: { readonly changes: number; readonly sent: number; readonly lost: number };
  /** Start of the program until connections to all Services are steered, at the largest number of Services. */
  readonly coldStartMs: number;
  /** Front ends that the kernel has after that. */
  readonly frontends: number;
}

/** Plays it all in one cluster that grows. */
export async function playUpdates(
  options: UpdateOptions,
  say: (text: string) => void,
): Promise<UpdateRecord> {
  const cluster = await Cluster.start({
    workers: 1,
    agentEnv: { vip_loglevel: 'debug', ...LEAVING_TO_OTHERS },
  });
  try {
    const session = new Session(cluster, say);
    await session.prepare();
    const rounds: UpdateRound[] = [];
    let flow: UpdateRecord['flow'] | undefined;
    for (const services of options.services) {
      await session.growTo(services);
      rounds.push(await session.round(options));
      flow ??= await session.flow(options.flowChanges);
    }
    const { coldStartMs, frontends } = await session.coldStart();
    if (flow === undefined) throw new Error('no number of Services was asked for');
    return { apiServer: cluster.lab.apiServerVersion, rounds, flow, coldStartMs, frontends };
  } finally {
    await cluster.stop();
  }
}

class Session {
  readonly #cluster: Cluster;
  readonly #say: (text: string) => void;
  #services = 0;
  /** Which of the target's endpoints is left out. */
  #left = TARGET_ENDPOINTS.length - 1;
  #client: LabProcess | undefined;
  #log: AgentLog | undefined;

  constructor(cluster: Cluster, say: (text: string) => void) {
    this.#cluster = cluster;
    this.#say = say;
  }

  async prepare(): Promise<void> {
    const { lab, client } = this.#cluster;
    // Nobody is to give addresses here: the Services name their own.
    const scaled = await lab.kubectl([
      '-n',
      'kube-system',
      'scale',
      'deployment/kube-vip-cloud-provider',
      '--replicas=0',
    ]);
    if (scaled.code !== 0) throw new Error(`kubectl scale: ${scaled.stderr}`);
    for (const address of TARGET_ENDPOINTS) {
      await this.#must(CONTROL_PLANE, ['ip', 'address', 'add', `${address}/32`, 'dev', 'lo']);
    }
    const gateway = hostOf(lab.plan, CONTROL_PLANE).ipv4;
    await this.#must(NODE, ['ip', 'route', 'add', '10.250.0.0/24', 'via', gateway]);
    const program = (name: string) => fileURLToPath(new URL(name, import.meta.url));
    const pods = [process.execPath, program('endpoints-main.ts'), String(ENDPOINT_PORT), ...TARGET_ENDPOINTS];
    await lab.spawn(CONTROL_PLANE, pods).waitForLine((line) => line === 'ready');
    await client.create(LEASES, ELSEWHERE);
    await client.create(SERVICES, serviceOf(TARGET, TARGET_ADDRESS, 'here'));
    await client.create(ENDPOINT_SLICES, sliceOf(TARGET, this.#endpoints()));
    const argv = [process.execPath, program('client-main.ts'), TARGET_ADDRESS, String(TARGET_PORT)];
    this.#client = lab.spawn(CLIENT, argv);
    this.#log = new AgentLog(this.#logFile());
    await lab.waitFor(async () => (await this.#ask<readonly unknown[]>('probe 1'))[0] !== null, {
      what: `an answer from ${TARGET_ADDRESS}`,
      timeoutMs: 30_000,
    });
  }

  /** Creates Services until there are so many, the target included, and waits until the kernel has them all. */
  async growTo(services: number): Promise<void> {
    const { client } = this.#cluster;
    const wanted = Array.from(
      { length: services - 1 - this.#services },
      (_, index) => this.#services + index,
    );
    const lane = async () => {
      for (let index = wanted.shift(); index !== undefined; index = wanted.shift()) {
        const name = `bulk-${index}`;
        await client.create(ENDPOINT_SLICES, sliceOf(name, endpointsOfBulk(index), 'TCP'));
        await client.create(SERVICES, serviceOf(name, addressOfBulk(index), 'elsewhere'));
      }
    };
    await Promise.all(Array.from({ length: WIDTH }, lane));
    this.#services = services - 1;
    await this.#untilSteered(services);
    this.#say(`${services} Services, each with its endpoints, in the kernel`);
  }

  async round({ changes, looks }: UpdateOptions): Promise<UpdateRound> {
    this.#log?.next();
    const apiMs: number[] = [];
    let wrongLooks = 0;
    for (let change = 0; change < changes; change++) {
      const startMs = performance.now();
      const { gone, fresh } = await this.#change();
      apiMs.push(performance.now() - startMs);
      await pause(PACE_MS - (performance.now() - startMs));
      if (change >= looks) continue;
      await this.#followed(change + 1);
      const answers = await this.#ask<readonly (string | null)[]>(`probe ${PROBES}`);
      if (answers.includes(gone) || answers.includes(null) || !answers.includes(fresh)) wrongLooks++;
    }
    const tookMs = await this.#followed(changes);
    this.#say(
      `${this.#services + 1} Services: ${changes} changes, ${wrongLooks} of ${looks} looks were wrong`,
    );
    this.#took = [];
    return { services: this.#services + 1, tookMs, apiMs, looks: Math.min(looks, changes), wrongLooks };
  }

  async flow(changes: number): Promise<UpdateRecord['flow']> {
    // One that is left out now, and the next one, come and go; the flow is to one of the others.
    const staying = TARGET_ENDPOINTS.slice(2);
    await this.#setLeft(0);
    await this.#ask(`flow ${staying.join(',')}`);
    for (let change = 0; change < changes; change++) {
      const startMs = performance.now();
      await this.#setLeft((change + 1) % 2);
      await pause(PACE_MS - (performance.now() - startMs));
    }
    const { sent, lost } = await this.#ask<{ readonly sent: number; readonly lost: number }>('end');
    await this.#cluster.lab.waitFor(() => this.#readTook() >= changes, {
      what: `${changes} changes to be followed`,
      timeoutMs: LIMIT_MS,
    });
    this.#took = [];
    this.#say(`a flow went on through ${changes} changes: ${lost} of ${sent} datagrams had no answer`);
    return { changes, sent, lost };
  }

  async coldStart(): Promise<Pick<UpdateRecord, 'coldStartMs' | 'frontends'>> {
    const [pid] = this.#cluster.agentPids(NODE);
    if (pid === undefined) throw new Error(`no agent runs on ${NODE}`);
    this.#log?.next();
    process.kill(pid, 'SIGKILL');
    let ready: AgentLine | undefined;
    await this.#cluster.lab.waitFor(
      () => {
        this.#log ??= new AgentLog(this.#logFile());
        ready = this.#log.next().find(({ msg }) => msg === 'ready') ?? ready;
        return ready;
      },
      { what: 'the agent to start again', timeoutMs: LIMIT_MS, intervalMs: 100 },
    );
    const frontends = await this.#countFrontends();
    return { coldStartMs: ready?.startMs ?? Number.NaN, frontends };
  }

  #took: number[] = [];

  /** Waits until so many changes have been followed; how long each took. */
  async #followed(changes: number): Promise<readonly number[]> {
    await this.#cluster.lab.waitFor(() => this.#readTook() >= changes, {
      what: `${changes} changes to be followed`,
      timeoutMs: LIMIT_MS,
      intervalMs: 20,
    });
    return this.#took;
  }

  #readTook(): number {
    for (const { msg, service, tookMs } of this.#log?.next() ?? []) {
      if (msg === FOLLOWED && service === KEY && tookMs !== undefined) this.#took.push(tookMs);
    }
    return this.#took.length;
  }

  /** Another endpoint takes the place of one. */
  async #change(): Promise<{ readonly gone: string; readonly fresh: string }> {
    const fresh = TARGET_ENDPOINTS[this.#left] ?? '';
    await this.#setLeft((this.#left + 1) % TARGET_ENDPOINTS.length);
    return { gone: TARGET_ENDPOINTS[this.#left] ?? '', fresh };
  }

  async #setLeft(index: number): Promise<void> {
    this.#left = index;
    await this.#cluster.client.replace(ENDPOINT_SLICES, sliceOf(TARGET, this.#endpoints()));
  }

  #endpoints(): readonly string[] {
    return TARGET_ENDPOINTS.filter((_, index) => index !== this.#left);
  }

  async #untilSteered(services: number): Promise<void> {
    await this.#cluster.lab.waitFor(async () => (await this.#countFrontends()) >= services, {
      what: `${services} front ends in the kernel`,
      timeoutMs: 10 * LIMIT_MS,
      intervalMs: 2_000,
    });
  }

  async #countFrontends(): Promise<number> {
    const listed = await this.#must(NODE, ['nft', 'list', 'map', 'ip', 'fairlead', 'frontends']);
    return listed.split(': goto ').length - 1;
  }

  async #ask<T>(command: string): Promise<T> {
    const client = this.#client;
    if (client === undefined) throw new Error('the client does not run yet');
    const { promise, resolve } = Promise.withResolvers<string>();
    const unsubscribe = client.onLine(resolve);
    client.write(`${command}\n`);
    try {
      return JSON.parse(await promise) as T;
    } finally {
      unsubscribe();
    }
  }

  async #must(host: string, argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#cluster.lab.exec(host, argv);
    if (code !== 0) throw new Error(`${argv.join(' ')} on ${host}: ${stderr}`);
    return stdout;
  }

  #logFile(): string {
    const found = this.#cluster.lab.podLogs().find(({ pod }) => pod.startsWith('kube-vip-ds'));
    if (found === undefined) throw new Error('no agent has a log');
    return found.file;
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, delayMs)));
}
