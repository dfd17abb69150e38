// SPDX-License-Identifier: Apache-2.0
import { addressOf, formatAddress } from '@fairlead/shared/address/address.ts';
import { keyOf, type Service } from '@fairlead/shared/kubernetes/objects.ts';
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { choosePool } from '../../pools/choose-pool.ts';
import { parsePools } from '../../pools/parse.ts';
import { poolContains } from '../../pools/pool.ts';
import { allocationConditionOf } from '../conditions.ts';
import { drainsOf } from '../draining.ts';
import { subjectOf } from '../service-state.ts';
import { writtenOf } from '../written.ts';
import { createRig, FakeCluster, type Rig, type WriteFault } from './fake-cluster.ts';
import { acceptedBy, type Data, faultsAtRest, mayBeTogether, mentionedBy } from './model.ts';
import { type PortText, portOf, type ServiceTraits, service } from './services.ts';

/** Names of Services; the namespace goes with the name. */
export const NAMES = ['a', 'b', 'c', 'd', 'e', 'shop-f', 'shop-g'] as const;

type Families = Pick<ServiceTraits, 'policy' | 'ipFamilies'>;

/** Something that happens to the cluster, to the program or between them. */
export type Step =
  | { readonly op: 'create'; readonly name: string; readonly day: number; readonly traits: ServiceTraits }
  | { readonly op: 'delete' | 'clusterIP' | 'loadBalancer' | 'otherClass' | 'clear'; readonly name: string }
  | { readonly op: 'annotate' | 'specify' | 'serve'; readonly name: string; readonly ip: string }
  | { readonly op: 'ports'; readonly name: string; readonly ports: readonly PortText[] }
  | { readonly op: 'families'; readonly name: string; readonly families: Families }
  | { readonly op: 'label'; readonly name: string; readonly tier: string }
  | { readonly op: 'pools'; readonly pools: Data }
  | { readonly op: 'fault' | 'statusFault'; readonly fault: WriteFault }
  | { readonly op: 'deliver'; readonly count: number }
  | { readonly op: 'stall' | 'flow' | 'restart' | 'term' | 'settle' };

/** Far more than a history needs. */
const MAX_WRITES = 2_000;

/** One history of a cluster, with the rules checked at each write and at the end. */
export class History {
  readonly cluster = new FakeCluster();
  readonly clock = new ManualClock();
  /** Rules that were broken. */
  readonly broken: string[] = [];
  #data: Data;
  #rig: Rig;
  #writes = 0;

  constructor(data: Data) {
    this.#data = data;
    this.cluster.knowledge = () => this.#knowledge();
    this.cluster.onWrite = (before, after, known) => this.#judge(before, after, known);
    this.#rig = this.#newInstance(false);
  }

  /** Goes through the steps, then lets everything come to rest. */
  async run(steps: readonly Step[]): Promise<void> {
    for (const each of steps) {
      await this.#apply(each);
      await this.clock.advanceAsync(10);
    }
    this.cluster.faults.length = 0;
    this.cluster.statusFaults.length = 0;
    this.cluster.watchFlows = true;
    await this.#rest();
    this.broken.push(...faultsAtRest(this.cluster.all(), this.#data));
    this.#judgeIndex();
    await this.#judgeRestart();
    await this.#rig.stop();
  }

  /** The newest states that watch and answers have shown. Asked for at each write, so this is also where an endless argument ends. */
  #knowledge(): readonly Service[] {
    this.#writes += 1;
    if (this.#writes === MAX_WRITES) this.broken.push('writes do not end');
    if (this.#writes >= MAX_WRITES) throw new Error('too many writes');
    const newest = new Map<string, Service>();
    for (const each of [...this.cluster.store.values(), ...this.cluster.answers.values()]) {
      const known = newest.get(keyOf(each));
      if (known === undefined || versionOf(known) < versionOf(each)) newest.set(keyOf(each), each);
    }
    return [...newest.values()];
  }

  #newInstance(relist: boolean): Rig {
    const data = { ...this.#data };
    const rig = createRig({ cluster: this.cluster, data, clock: this.clock, restMs: 5_000 });
    rig.lead(() => true, relist);
    return rig;
  }

  async #rest(): Promise<void> {
    for (let round = 0; round < 6; round++) {
      this.cluster.deliver();
      await this.clock.advanceAsync(70_000);
    }
  }

  async #apply(each: Step): Promise<void> {
    const { cluster } = this;
    switch (each.op) {
      case 'create':
        if (this.#get(each.name) === undefined) cluster.put(created(each));
        return;
      case 'delete':
        return cluster.remove(...placeOf(each.name));
      case 'clusterIP':
        return this.#edit(each.name, (s) => ({ ...s, spec: { ...s.spec, type: 'ClusterIP' } }));
      case 'loadBalancer':
        return this.#edit(each.name, toLoadBalancer);
      case 'otherClass':
        // A class can be set only together with the type.
        return this.#edit(each.name, (s) =>
          s.spec?.type === 'LoadBalancer'
            ? s
            : { ...s, spec: { ...s.spec, type: 'LoadBalancer', loadBalancerClass: 'example.org/other' } },
        );
      case 'clear':
        return this.#edit(each.name, cleared);
      case 'annotate':
        return this.#edit(each.name, (s) => annotated(s, each.ip));
      case 'specify':
        return this.#edit(each.name, (s) => ({ ...s, spec: { ...s.spec, loadBalancerIP: each.ip } }));
      case 'serve':
        return this.#edit(each.name, (s) => ({
          ...s,
          status: { ...s.status, loadBalancer: { ingress: [{ ip: each.ip }] } },
        }));
      case 'ports':
        return this.#edit(each.name, (s) => ({ ...s, spec: { ...s.spec, ports: each.ports.map(portOf) } }));
      case 'families':
        return this.#edit(each.name, (s) => withFamilies(s, each.families));
      case 'label':
        return this.#edit(each.name, (s) => ({
          ...s,
          metadata: { ...s.metadata, labels: { ...s.metadata?.labels, tier: each.tier } },
        }));
      default:
        return this.#disturb(each);
    }
  }

  async #disturb(each: Step): Promise<void> {
    const { cluster } = this;
    switch (each.op) {
      case 'pools':
        this.#data = each.pools;
        return this.#rig.setPools({ ...each.pools });
      case 'fault':
        cluster.faults.push(each.fault);
        return;
      case 'statusFault':
        cluster.statusFaults.push(each.fault);
        return;
      case 'deliver':
        return cluster.deliver(each.count);
      case 'stall':
        cluster.watchFlows = false;
        return;
      case 'flow':
        cluster.watchFlows = true;
        return cluster.deliver();
      case 'term':
        await this.#rig.stop();
        return this.#rig.lead(() => true, true);
      case 'restart':
        await this.#rig.stop();
        this.#rig = this.#newInstance(true);
        return;
      default:
        await this.clock.advanceAsync(30_000);
    }
  }

  #get(text: string): Service | undefined {
    return this.cluster.get(...placeOf(text));
  }

  #edit(text: string, change: (service: Service) => Service): void {
    const [name, namespace] = placeOf(text);
    this.cluster.edit(name, change, namespace);
  }

  /** What a write may do, by what the watch had shown when it was sent: give what nobody else has, and take nothing without a reason. */
  #judge(before: Service, after: Service, known: readonly Service[]): void {
    const key = keyOf(after);
    const [had, has] = [acceptedBy(before), acceptedBy(after)];
    for (const text of has.filter((each) => !had.includes(each))) {
      // An edit of the ports that the watch has not shown is nobody's fault.
      const twin = this.#others(after).find((other) => {
        const states = [other, ...known.filter((each) => keyOf(each) === keyOf(other))];
        return (
          acceptedBy(other).includes(text) && states.every((each) => !mayBeTogether(after, each, this.#data))
        );
      });
      if (twin !== undefined) this.broken.push(`${text} of ${keyOf(twin)} written to ${key}`);
    }
    for (const text of had.filter((each) => !has.includes(each))) {
      const isReplaced =
        has.includes(before.spec?.loadBalancerIP ?? '') && before.spec?.loadBalancerIP !== had[0];
      if (!isReplaced && !this.#mayGo(before, text, known))
        this.broken.push(`${text} taken from ${key}, which became ${has}`);
    }
  }

  #mayGo(service: Service, text: string, known: readonly Service[]): boolean {
    const { spec, metadata } = service;
    if (spec?.type !== 'LoadBalancer' || spec.loadBalancerClass !== undefined) return true;
    const address = addressOf(text);
    if (address === undefined) return false;
    if (drainsOf(service).some((drain) => formatAddress(drain.address) === text)) return true;
    const families = spec.ipFamilyPolicy === 'SingleStack' ? spec.ipFamilies?.slice(0, 1) : ['IPv4', 'IPv6'];
    if (!families?.includes(address.family === 4 ? 'IPv4' : 'IPv6')) return true;
    const pools = parsePools(this.#data);
    const choice = choosePool(pools, subjectOf(service));
    const from = metadata?.annotations?.['fairlead.io/allocated-from'] ?? '';
    // What a pool added to an address of the user's choice is the pool's.
    const isRequested =
      from === 'request' && (writtenOf(service)?.requested === undefined || spec.loadBalancerIP === text);
    const id = choice.ok && from === 'request' ? choice.pool.id : from;
    const moves = choice.ok && !poolContains(choice.pool, address) && pools.onChange(id).kind !== 'keep';
    // By what is there, or by what the watch had shown: that another one is gone may be news to come.
    const states = [...this.#others(service), ...known];
    const isTaken = states.some(
      (other) =>
        keyOf(other) !== keyOf(service) &&
        mentionedBy(other).includes(text) &&
        !mayBeTogether(service, other, this.#data),
    );
    return !isRequested && (moves || isTaken);
  }

  #others(service: Service): readonly Service[] {
    return this.cluster.all().filter((other) => keyOf(other) !== keyOf(service));
  }

  #judgeIndex(): void {
    const mentioned = new Set(this.cluster.all().flatMap(mentionedBy));
    const held = new Set(
      ([4, 6] as const).flatMap((family) =>
        [...this.#rig.holdings.held(family)].map((value) => formatAddress({ family, value })),
      ),
    );
    if ([...held].sort().join() !== [...mentioned].sort().join()) {
      this.broken.push(`index has ${[...held].sort()}, Services mention ${[...mentioned].sort()}`);
    }
  }

  /** At rest nothing depends on what the program remembers: the next instance finds everything right. */
  async #judgeRestart(): Promise<void> {
    const before = this.#versions();
    await this.#rig.stop();
    this.#rig = this.#newInstance(true);
    await this.clock.advanceAsync(70_000);
    if (this.#versions() !== before) this.broken.push(`a restart changes ${before} to ${this.#versions()}`);
  }

  /** Versions of the Services; of those that wait only why: which family lacks an address may change while they wait. */
  #versions(): string {
    return this.cluster
      .all()
      .map((each) => {
        const condition = allocationConditionOf(each);
        const state = condition?.status === 'False' ? condition.reason : each.metadata?.resourceVersion;
        return `${keyOf(each)}@${state}`;
      })
      .join();
  }
}
function versionOf({ metadata }: Service): number {
  return Number(metadata?.resourceVersion);
}

/** `shop-f` is in the namespace `shop`. */
function placeOf(text: string): readonly [string, string] {
  return [text, text.startsWith('shop-') ? 'shop' : 'default'];
}

/** The Service that a step creates. */
export function created({ name: text, day, traits }: Extract<Step, { op: 'create' }>): Service {
  const [name, namespace] = placeOf(text);
  return service(name, { ...traits, namespace, createdAt: `2026-01-0${day}T00:00:00Z` });
}

function toLoadBalancer(each: Service): Service {
  if (each.spec?.type === 'LoadBalancer') return each;
  return { ...each, spec: { ...each.spec, type: 'LoadBalancer' } };
}

function withFamilies(each: Service, { policy, ipFamilies }: Families): Service {
  return {
    ...each,
    spec: {
      ...each.spec,
      ...(policy !== undefined && { ipFamilyPolicy: policy }),
      ...(ipFamilies !== undefined && { ipFamilies }),
    },
  };
}

function annotated(each: Service, text: string): Service {
  const annotations = { ...each.metadata?.annotations, 'kube-vip.io/loadbalancerIPs': text };
  return { ...each, metadata: { ...each.metadata, annotations } };
}

function cleared(each: Service): Service {
  const { 'kube-vip.io/loadbalancerIPs': _old, ...annotations } = each.metadata?.annotations ?? {};
  const { loadBalancerIP: _address, ...spec } = each.spec ?? {};
  return { ...each, metadata: { ...each.metadata, annotations }, spec };
}
