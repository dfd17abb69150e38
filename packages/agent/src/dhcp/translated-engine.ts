// SPDX-License-Identifier: Apache-2.0
import type { AddressGroup, OwnershipEngine, OwnershipState } from '../ownership/engine.ts';
import type { DhcpDesk } from './dhcp-desk.ts';
import { isOwnershipKey } from './ownership-key.ts';

/** An engine that speaks of addresses where the one behind it speaks of ownership keys. */
export interface TranslatedEngine extends OwnershipEngine {
  /** Keys that are granted to this node, with or without an address behind them. */
  ownedKeys(): ReadonlySet<string>;
}

/**
 * Wraps an engine: a grant of a key becomes a grant of the address behind it, and is left out while there is none; an owner
 * of a key becomes that of its address as far as that is known. What is to be owned is passed on as it is.
 */
export function translateEngine(engine: OwnershipEngine, desk: DhcpDesk): TranslatedEngine {
  const granted = (grants: ReadonlyMap<string, number>): ReadonlyMap<string, number> => {
    if (desk.isIdle) return grants;
    const translated = new Map<string, number>();
    for (const [name, untilMs] of grants) {
      const address = isOwnershipKey(name) ? desk.leasedAddress(name) : name;
      if (address !== undefined && !translated.has(address)) translated.set(address, untilMs);
    }
    return translated;
  };
  return {
    name: engine.name,
    start: () => engine.start(),
    want(groups: readonly AddressGroup[], unservable) {
      desk.nameAll(new Set(groups.flatMap(({ addresses }) => addresses)));
      engine.want(groups, unservable);
    },
    report: (held, version) => engine.report(desk.keysOf(held), version),
    state(): OwnershipState {
      const state = engine.state();
      if (desk.isIdle) return state;
      const owners = new Map(
        [...state.owners].map(([name, owner]) => [desk.addressBehind(name) ?? name, owner]),
      );
      return { ...state, grants: granted(state.grants), owners };
    },
    onChange: (listener) => engine.onChange(listener),
    onExtended: (listener) => engine.onExtended((grants) => listener(granted(grants))),
    health: () => engine.health(),
    stats: () => engine.stats(),
    drain: (limitMs) => engine.drain(limitMs),
    stop: () => engine.stop(),
    ownedKeys: () => new Set([...engine.state().grants.keys()].filter(isOwnershipKey)),
  };
}
