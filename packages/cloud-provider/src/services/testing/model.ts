// SPDX-License-Identifier: Apache-2.0
import { type Address, addressOf, formatAddress } from '@fairlead/shared/address/address.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { choosePool } from '../../pools/choose-pool.ts';
import { parsePools } from '../../pools/parse.ts';
import { type Pool, type Pools, poolContains, poolCovers } from '../../pools/pool.ts';
import { allocationConditionOf } from '../conditions.ts';
import { claimOf, subjectOf } from '../service-state.ts';
import { tracesOf } from './traces.ts';

/*
 * What must be true of a cluster, in words as simple as possible: no index, no ranks, no order of events. Who has an
 * address, who could have one, who may share.
 */

/** Data of the ConfigMap. */
export type Data = Readonly<Record<string, string>>;

/** All addresses that the pools of the model have. */
export const UNIVERSE: readonly Address[] = [
  ...['10.0.0.', '10.0.1.', '10.0.2.'].flatMap((net) => [1, 2, 3, 4, 5, 6].map((end) => `${net}${end}`)),
  ...[1, 2, 3].map((end) => `fd00::${end}`),
].flatMap((text) => addressOf(text) ?? []);

/** Addresses that a cloud provider accepted for a Service, as text. */
export function acceptedBy(service: Service): readonly string[] {
  return claimOf(service).addresses.flatMap((address) =>
    address.standing === 'accepted' ? [formatAddress(address)] : [],
  );
}

/** Addresses that a Service mentions anywhere, as text. */
export function mentionedBy(service: Service): readonly string[] {
  return claimOf(service).addresses.map(formatAddress);
}

/** Whether two Services may have one address. */
export function mayBeTogether(a: Service, b: Service, data: Data): boolean {
  if (![a, b].every((each) => sharingAllowed(each, data))) return false;
  const across = [a, b].every(
    (each) => each.metadata?.annotations?.['fairlead.io/share-across-namespaces'] === 'true',
  );
  if (a.metadata?.namespace !== b.metadata?.namespace && !across) return false;
  const [left, right] = [portsIn(a), portsIn(b)];
  return left.length > 0 && right.length > 0 && !left.some((port) => right.includes(port));
}

function sharingAllowed({ metadata }: Service, data: Data): boolean {
  const own = data[`allow-share-${metadata?.namespace}`];
  return (own ?? data['allow-share-global']) === 'true';
}

function portsIn({ spec }: Service): readonly string[] {
  return (spec?.ports ?? []).map(({ protocol, port }) => `${protocol}/${port}`);
}

/** What is wrong with a cluster in which nothing moves any more. */
export function faultsAtRest(all: readonly Service[], data: Data): readonly string[] {
  const world: World = { all, data, pools: parsePools(data) };
  return [...all.flatMap((each) => faultsOf(each, world)), ...twins(world)];
}

interface World {
  readonly all: readonly Service[];
  readonly data: Data;
  readonly pools: Pools;
}

function faultsOf(service: Service, world: World): readonly string[] {
  const { name, namespace, deletionTimestamp } = service.metadata ?? {};
  const key = `${namespace}/${name}`;
  if (deletionTimestamp !== undefined) return [`${key} hangs in deletion`];
  const isOurs = service.spec?.type === 'LoadBalancer' && service.spec.loadBalancerClass === undefined;
  if (!isOurs) {
    // What a user wrote stays; a refusal stays when the class tells nobody who spoke it.
    const stays = /loadbalancerIPs|loadBalancerIP/;
    const isOther = service.spec?.loadBalancerClass !== undefined;
    const traces = tracesOf(service).filter(
      (trace) => !stays.test(trace) && !(isOther && trace === 'condition'),
    );
    return traces.length > 0 ? [`${key} keeps ${traces}`] : [];
  }
  const condition = allocationConditionOf(service);
  if (condition?.status === 'True') return faultsOfServed(service, key, world);
  if (condition === undefined) return [`${key} says nothing`];
  const request = requestOf(service);
  if (request !== undefined && !condition.message?.startsWith(`${request.field}=${request.text}: `))
    return [`${key} does not say what is refused: ${condition.message}`];
  return waitsInVain(service, world) ? [`${key} waits in vain: ${condition.message}`] : [];
}

function faultsOfServed(service: Service, key: string, world: World): readonly string[] {
  const has = acceptedBy(service);
  if (has.length === 0) return [`${key} has nothing and says otherwise`];
  if (service.metadata?.annotations?.['fairlead.io/draining']) return [`${key} drains for ever`];
  const edit = editOf(service, has);
  if (edit !== undefined && waitsInVain(service, world, edit))
    return [`${key} waits in vain for ${edit.text}`];
  const from = service.metadata?.annotations?.['fairlead.io/allocated-from'] ?? '';
  const choice = choosePool(world.pools, subjectOf(service));
  if (from === 'request' || !choice.ok) return [];
  const broken: string[] = [];
  for (const family of familiesOf(service)) {
    const of = has.flatMap((text) => addressOf(text) ?? []).filter((address) => address.family === family);
    const could = freeFor(service, family, choice.pool, world);
    if (of.length === 0 && could !== undefined) broken.push(`${key} could have ${could}, too`);
    if (of.length > 1) broken.push(`${key} has ${of.length} of family ${family}`);
    const strange = of.find((address) => !poolContains(choice.pool, address));
    const moves = world.pools.onChange(from).kind !== 'keep' && choice.pool.sources.length > 0;
    if (strange !== undefined && moves && could !== undefined)
      broken.push(`${key} should have moved from ${formatAddress(strange)} to ${could}`);
  }
  const extra = has.filter((text) => !familiesOf(service).includes(addressOf(text)?.family ?? 4));
  if (extra.length > 0 && choice.pool.sources.length > 0)
    broken.push(`${key} has ${extra}, of a family it left`);
  return broken;
}

/** No address has two holders who may not be together; conditions say who the holders are. */
function twins({ all, data }: World): readonly string[] {
  const served = all.filter((each) => allocationConditionOf(each)?.status === 'True');
  return served.flatMap((a, i) =>
    served.slice(i + 1).flatMap((b) => {
      const common = acceptedBy(a).filter((text) => acceptedBy(b).includes(text));
      if (common.length === 0 || mayBeTogether(a, b, data)) return [];
      return [`${common} has two holders: ${a.metadata?.name} and ${b.metadata?.name}`];
    }),
  );
}

interface Request {
  readonly field: string;
  readonly text: string;
}

/** The address that the Service names itself. */
function requestOf({ metadata, spec }: Service): Request | undefined {
  const annotated = metadata?.annotations?.['kube-vip.io/loadbalancerIPs'];
  if (annotated !== undefined && annotated !== '')
    return { field: 'kube-vip.io/loadbalancerIPs', text: annotated };
  const inSpec = spec?.loadBalancerIP;
  return inSpec === undefined || inSpec === '' ? undefined : { field: 'spec.loadBalancerIP', text: inSpec };
}

/** What the user has put into the spec of a Service that has another address. */
function editOf({ spec }: Service, has: readonly string[]): Request | undefined {
  const text = spec?.loadBalancerIP ?? '';
  const address = addressOf(text);
  const same = address !== undefined && formatAddress(address) === has[0];
  return text === '' || same ? undefined : { field: 'spec.loadBalancerIP', text };
}

function waitsInVain(service: Service, world: World, request = requestOf(service)): boolean {
  const { pools } = world;
  const choice = choosePool(pools, subjectOf(service));
  const families = familiesOf(service);
  const all = service.spec?.ipFamilyPolicy === 'RequireDualStack';
  const can = (wanted: readonly (4 | 6)[]) => {
    const free = wanted.map(
      (family) => choice.ok && freeFor(service, family, choice.pool, world) !== undefined,
    );
    return all ? free.every(Boolean) : free.some(Boolean);
  };
  if (request === undefined) return can(families);
  const asked = request.text.split(',').map((text) => addressOf(text));
  const granted = asked.every((address) => address !== undefined && mayHave(service, address, world));
  const completed = request.field === 'spec.loadBalancerIP' && all;
  const others = families.filter((family) => family !== asked[0]?.family);
  return granted && (!completed || can(others));
}

function mayHave(service: Service, address: Address, { all, data, pools }: World): boolean {
  const single = (service.spec?.ipFamilyPolicy ?? 'SingleStack') === 'SingleStack';
  if (single && !familiesOf(service).includes(address.family)) return false;
  const text = formatAddress(address);
  if (data['avoid-global']?.includes(text)) return false;
  const open = [...pools.byId.values()].filter(({ kind, id, selector }) =>
    kind === 'named'
      ? (selector?.matches(service.metadata?.labels ?? {}) ?? true)
      : id === (pools.byId.has(service.metadata?.namespace ?? '') ? service.metadata?.namespace : 'global'),
  );
  if (data['requested-outside-pool'] === 'deny' && !open.some((pool) => poolCovers(pool, address)))
    return false;
  return rivalsAt(service, text, all).every((other) => mayBeTogether(service, other, data));
}

function rivalsAt(service: Service, text: string, all: readonly Service[]): readonly Service[] {
  return all.filter((other) => other !== service && mentionedBy(other).includes(text));
}

/** An address that the pool could give to the Service. */
function freeFor(service: Service, family: 4 | 6, pool: Pool, { all, data }: World): string | undefined {
  const found = UNIVERSE.find((address) => {
    if (address.family !== family || !poolContains(pool, address)) return false;
    const rivals = rivalsAt(service, formatAddress(address), all);
    // Nobody new joins an address that others are at odds over.
    const together = [service, ...rivals];
    return together.every((a, i) => together.slice(i + 1).every((b) => mayBeTogether(a, b, data)));
  });
  return found && formatAddress(found);
}

function familiesOf({ spec }: Service): readonly (4 | 6)[] {
  const listed = (spec?.ipFamilies ?? []).map((name) => (name === 'IPv6' ? 6 : 4));
  return (spec?.ipFamilyPolicy ?? 'SingleStack') === 'SingleStack' ? listed.slice(0, 1) : [4, 6];
}
