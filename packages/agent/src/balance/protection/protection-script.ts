// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import { addressOf } from '@fairlead/shared/address/address.ts';
import { dropTableScript } from '../../system/nft.ts';
import type { ProtectedPort, ProtectedService, ProtectionModel } from './policy.ts';
import {
  arrivalRules,
  connectionRules,
  counterOf,
  elementsOf,
  hasLimits,
  idOf,
  isProxied,
  type NamedSet,
  ownSets,
  SERVICE_VERDICTS,
  sharedSets,
} from './service-rules.ts';
import { PROTECTION_TABLE, skeletonScript, synProxyChains, synProxyRemoval, TABLE } from './skeleton.ts';

/** What a script depends on beside the model. */
export interface ScriptContext {
  /** Wall clock, for lists whose entries end. */
  readonly wallMs: number;
  /** See {@link synProxyChains}. */
  readonly canStripOptions: boolean;
}

/** Whether there is anything to filter. Pure. */
export function isIdle({ services, closed }: ProtectionModel): boolean {
  return services.size === 0 && closed.size === 0;
}

/** Whether a port of any Service may be answered by the SYN proxy. Pure. */
export function wantsProxy({ services }: Pick<ProtectionModel, 'services'>): boolean {
  return [...services.values()].some(({ ports, policy }) => ports.some((port) => isProxied(port, policy)));
}

/** Script that builds everything anew, whatever was there, in one transaction. Pure. */
export function renderProtection(wanted: ProtectionModel, context: ScriptContext): string {
  const drop = dropTableScript(PROTECTION_TABLE);
  if (isIdle(wanted)) return drop;
  return `${drop}${skeletonScript()}${renderDifference(NOTHING, wanted, context)}`;
}

/**
 * Script for the step from what is applied to what is wanted, in one transaction; empty when there is no difference. Only
 * what belongs to a changed Service is written: what is known of the sources of the others stays. Pure.
 */
export function renderProtectionChanges(
  applied: ProtectionModel,
  wanted: ProtectionModel,
  context: ScriptContext,
): string {
  if (isIdle(wanted)) return isIdle(applied) ? '' : dropTableScript(PROTECTION_TABLE);
  if (isIdle(applied)) return renderProtection(wanted, context);
  return renderDifference(applied, wanted, context);
}

const NOTHING: Pick<ProtectionModel, 'services' | 'closed'> = { services: new Map(), closed: new Map() };

type Filtered = Pick<ProtectionModel, 'services' | 'closed'>;

/** Order matters: what a rule or an element refers to is made before it, and removed after it. */
function renderDifference(applied: Filtered, wanted: Filtered, context: ScriptContext): string {
  const { wallMs, canStripOptions } = context;
  const script = new Script();
  const [hadProxy, hasProxy] = [wantsProxy(applied), wantsProxy(wanted)];
  if (hasProxy && !hadProxy) script.add(...synProxyChains(canStripOptions));
  if (hadProxy && !hasProxy) script.add(...synProxyRemoval());
  const before = dynamicSets(applied);
  const after = dynamicSets(wanted);
  for (const set of after.values()) if (!before.has(set.name)) script.addSet(set);
  const [oldPart, newPart] = [without(applied, wanted), without(wanted, applied)];
  for (const [key, service] of newPart.services) {
    const old = oldPart.services.get(key);
    if (old === undefined) script.create(service);
    if (old === undefined || !haveSameRules(old, service)) script.refill(old, service, wallMs);
  }
  script.moveElements(elementsBySet(oldPart), elementsBySet(newPart));
  for (const [key, old] of oldPart.services) if (!newPart.services.has(key)) script.remove(old);
  for (const set of before.values()) if (!after.has(set.name)) script.add(`delete set ${TABLE} ${set.name}`);
  return script.text;
}

/** What is not the same in the other one: most of thousands of Services never change, and are not looked at any further. */
function without({ services, closed }: Filtered, other: Filtered): Filtered {
  return {
    services: differing(services, other.services),
    closed: differing(closed, other.closed),
  };
}

function differing<T>(
  things: ReadonlyMap<string, T>,
  others: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  for (const [key, thing] of things) {
    const other = others.get(key);
    if (thing !== other && !isDeepStrictEqual(thing, other)) found.set(key, thing);
  }
  return found;
}

/** Ports are elements of maps, but families and protocols that come or go change the rules. */
function haveSameRules(a: ProtectedService, b: ProtectedService): boolean {
  return (
    isDeepStrictEqual(a.policy, b.policy) &&
    isDeepStrictEqual(arrivalRules(a), arrivalRules(b)) &&
    isDeepStrictEqual(connectionRules(a), connectionRules(b))
  );
}

function dynamicSets({ services }: Filtered): ReadonlyMap<string, NamedSet> {
  return new Map([...services.values()].flatMap(setsOf).map((set) => [set.name, set]));
}

/** A Service of a model never changes in place. */
const knownSets = new WeakMap<ProtectedService, readonly NamedSet[]>();

function setsOf(service: ProtectedService): readonly NamedSet[] {
  let sets = knownSets.get(service);
  if (sets === undefined) {
    sets = sharedSets(service);
    knownSets.set(service, sets);
  }
  return sets;
}

/** Set or map -> its elements, each with its verdict where it has one. */
function elementsBySet({ services, closed }: Filtered): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const sets = new Map<string, Map<string, string>>();
  const put = (kind: string, port: ProtectedPort, element: string, verdict = '') => {
    const set = `${kind}${addressOf(port.address)?.family ?? 4}`;
    const elements = sets.get(set);
    if (elements === undefined) sets.set(set, new Map([[element, verdict]]));
    else elements.set(element, verdict);
  };
  for (const { service, ports, policy } of services.values()) {
    for (const port of ports) {
      put('arrivals', port, elementOf(port), ` : goto ${arrivalChain(service)}`);
      if (hasLimits(policy)) put('connections', port, elementOf(port), ` : goto ${connectionChain(service)}`);
      if (isProxied(port, policy)) put('proxied', port, elementOf(port));
    }
  }
  for (const port of [...closed.values()].flat()) {
    put('closed', port, port.address);
    put('open', port, elementOf(port));
  }
  return sets;
}

function elementOf({ address, protocol, port }: ProtectedPort): string {
  return `${address} . ${protocol} . ${port}`;
}

function arrivalChain(service: string): string {
  return `arrival.${idOf(service)}`;
}

function connectionChain(service: string): string {
  return `connection.${idOf(service)}`;
}

/** Lines of one transaction. */
class Script {
  #lines: string[] = [];

  get text(): string {
    return this.#lines.map((line) => `${line}\n`).join('');
  }

  add(...lines: readonly string[]): void {
    this.#lines.push(...lines);
  }

  addSet({ name, definition }: NamedSet): void {
    this.add(`add set ${TABLE} ${name} { ${definition} }`);
  }

  create({ service }: ProtectedService): void {
    for (const verdict of SERVICE_VERDICTS) this.add(`add counter ${TABLE} ${counterOf(verdict, service)}`);
    for (const chain of chainsOf(service)) this.add(`add chain ${TABLE} ${chain}`);
  }

  /** Rules and lists of a Service; its counters go on. */
  refill(old: ProtectedService | undefined, service: ProtectedService, wallMs: number): void {
    if (old !== undefined) this.#empty(old);
    for (const set of ownSets(service)) {
      this.addSet(set);
      const elements = elementsOf(set.entries, wallMs);
      if (elements.length > 0) this.add(`add element ${TABLE} ${set.name} { ${elements.join(', ')} }`);
    }
    const [arrival, connection] = chainsOf(service.service);
    for (const rule of arrivalRules(service)) this.add(`add rule ${TABLE} ${arrival} ${rule}`);
    for (const rule of connectionRules(service)) this.add(`add rule ${TABLE} ${connection} ${rule}`);
  }

  remove(old: ProtectedService): void {
    this.#empty(old);
    for (const chain of chainsOf(old.service)) this.add(`delete chain ${TABLE} ${chain}`);
    for (const verdict of SERVICE_VERDICTS)
      this.add(`delete counter ${TABLE} ${counterOf(verdict, old.service)}`);
  }

  /** Deletions first: an element that changes its verdict is deleted and added. */
  moveElements(
    before: ReadonlyMap<string, ReadonlyMap<string, string>>,
    after: ReadonlyMap<string, ReadonlyMap<string, string>>,
  ): void {
    for (const [set, elements] of before) {
      const gone = [...elements].filter(([element, verdict]) => after.get(set)?.get(element) !== verdict);
      this.#elements(
        'delete',
        set,
        gone.map(([element]) => element),
      );
    }
    for (const [set, elements] of after) {
      const fresh = [...elements].filter(([element, verdict]) => before.get(set)?.get(element) !== verdict);
      this.#elements(
        'add',
        set,
        fresh.map(([element, verdict]) => `${element}${verdict}`),
      );
    }
  }

  #elements(verb: 'add' | 'delete', set: string, elements: readonly string[]): void {
    if (elements.length > 0) this.add(`${verb} element ${TABLE} ${set} { ${elements.join(', ')} }`);
  }

  #empty(service: ProtectedService): void {
    for (const chain of chainsOf(service.service)) this.add(`flush chain ${TABLE} ${chain}`);
    for (const { name } of ownSets(service)) this.add(`delete set ${TABLE} ${name}`);
  }
}

function chainsOf(service: string): readonly [arrival: string, connection: string] {
  return [arrivalChain(service), connectionChain(service)];
}
