// SPDX-License-Identifier: Apache-2.0
import { COORDINATOR, type Fault } from './faults.ts';
import type { Host, World } from './world.ts';

/** Longer than a lease: by then a voter that hears nothing is free to follow somebody else. */
const DEAFNESS_MS = 250;

/** Lets faults happen to a world, and ends them. */
export class Chaos {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  plan(faults: readonly Fault[]): void {
    for (const fault of faults) this.#world.agenda.at(fault.atMs, () => this.#begin(fault));
  }

  #begin(fault: Fault): void {
    this.#world.counts.add(fault.kind);
    const end = this.#cause(fault);
    if (end !== undefined) this.#world.agenda.after(fault.forMs, end);
  }

  /** Returns how to end it. */
  #cause(fault: Fault): (() => void) | undefined {
    const world = this.#world;
    switch (fault.kind) {
      case 'partition':
        return this.#partition(fault.hosts, fault.forMs);
      case 'loss':
      case 'slow':
      case 'duplicate':
        return this.#spoil(fault.kind, fault.amount, fault.forMs);
      case 'voters':
        return this.#changeVoters(fault.voters);
      case 'restoreRecord':
        world.store.restore();
        world.spreadRecord();
        return () => {
          world.store.rewrite();
          world.spreadRecord();
        };
      case 'deleteRecord':
        world.store.delete();
        return () => {
          world.store.rewrite();
          world.spreadRecord();
        };
      case 'apiDown':
        for (const host of fault.hosts) world.setApi(world.host(host), false);
        return () => {
          for (const host of fault.hosts) world.setApi(world.host(host), true);
        };
      case 'unwant':
        world.want(world.addresses.slice(0, 1));
        return () => world.want([]);
      case 'usurp':
        return this.#usurp(fault.forMs);
      case 'outvote':
        return this.#outvote(fault.forMs);
      case 'cut':
        return this.#cutLinks([[fault.host, fault.other]], fault.forMs);
      case 'isolate':
        return this.#cutLinks(
          [...this.#links(fault.host, 'to'), ...this.#links(fault.host, 'from')],
          fault.forMs,
        );
      case 'deafen':
        return this.#cutLinks(this.#links(fault.host, 'to'), fault.forMs);
      case 'mute':
        return this.#cutLinks(this.#links(fault.host, 'from'), fault.forMs);
      default:
        return this.#harm(fault.kind, world.host(fault.host), fault.forMs);
    }
  }

  #disturb(host: Host, forMs: number): void {
    this.#world.judge.disturb(host.name, this.#world.agenda.nowMs + forMs);
  }

  #harm(kind: Harm, host: Host, forMs: number): (() => void) | undefined {
    const end = this.#strike(kind, host, forMs);
    if (end === undefined) return undefined;
    host.harms++;
    return () => {
      host.harms--;
      end();
    };
  }

  #strike(kind: Harm, host: Host, forMs: number): (() => void) | undefined {
    const world = this.#world;
    const { process } = host;
    this.#disturb(host, forMs);
    if (process === undefined) return undefined;
    switch (kind) {
      case 'crash':
        world.kill(process);
        return () => {
          this.#disturb(host, 0);
          world.start(host);
        };
      case 'freeze':
        process.freeze();
        return () => world.thaw(process);
      case 'workerStall':
        process.stallWorker();
        return () => world.thaw(process, 'worker');
      case 'mainStall':
        process.stallMain();
        return () => process.resumeMain();
      case 'drain':
        process.give({ type: 'drain', isOn: true });
        return () => process.give({ type: 'drain', isOn: false });
      case 'linkDown':
        process.give({ type: 'link', isUp: false });
        return () => process.give({ type: 'link', isUp: true });
      case 'refuse':
        host.refusals++;
        process.give({ type: 'refused', addresses: new Set(world.addresses.slice(0, 2)) });
        return () => {
          host.refusals--;
          process.give({ type: 'refused', addresses: new Set() });
        };
      case 'twin':
        world.startTwin(host);
        return () => world.kill(host.twin);
    }
  }

  /** The coordinator is cut off, and all others restart at the same moment: they have forgotten it, but it has not ended. */
  #usurp(forMs: number): () => void {
    const world = this.#world;
    const coordinator = world.host(COORDINATOR);
    const restarts = world.hosts
      .filter((host) => host !== coordinator)
      .map((host) => this.#harm('crash', host, 5));
    world.agenda.after(5, () => {
      for (const restart of restarts) restart?.();
    });
    const number = world.hosts.indexOf(coordinator);
    return this.#cutLinks([...this.#links(number, 'to'), ...this.#links(number, 'from')], forMs);
  }

  /**
   * One voter does not hear the coordinator; then that is cut off from everything, and at the same moment all hosts are to
   * become voters as fast as possible: those who never heard of it must not become a majority before it has ended.
   */
  #outvote(forMs: number): undefined {
    const world = this.#world;
    const coordinator = world.host(COORDINATOR);
    const number = world.hosts.indexOf(coordinator);
    const voters = world.store.newest.voters.filter((voter) => voter !== coordinator.name);
    const deaf = world.hosts.findIndex(({ name }) => name === voters.at(-1));
    if (deaf < 0) return;
    world.agenda.after(
      DEAFNESS_MS + forMs,
      this.#cutLinks(
        [
          [number, deaf],
          [deaf, number],
        ],
        DEAFNESS_MS + forMs,
      ),
    );
    world.agenda.after(DEAFNESS_MS, () => {
      world.setApi(coordinator, false);
      const mend = this.#cutLinks([...this.#links(number, 'to'), ...this.#links(number, 'from')], forMs);
      this.#attemptVoters(
        world.hosts.map(({ name }) => name),
        40,
        () => 5,
      );
      world.agenda.after(forMs, () => {
        mend();
        world.setApi(coordinator, true);
      });
    });
  }

  #links(number: number, direction: 'from' | 'to'): readonly (readonly [number, number])[] {
    const host = number === COORDINATOR ? this.#world.hosts.indexOf(this.#world.host(number)) : number;
    return this.#world.hosts.flatMap((_, other) => {
      if (other === host) return [];
      return [direction === 'from' ? ([host, other] as const) : ([other, host] as const)];
    });
  }

  #cutLinks(links: readonly (readonly [number, number])[], forMs: number): () => void {
    const { network } = this.#world;
    const named = links.map(([from, to]) => [this.#world.host(from), this.#world.host(to)] as const);
    for (const [from, to] of named) {
      network.cut(from.name, to.name);
      this.#disturb(from, forMs);
      this.#disturb(to, forMs);
    }
    return () => {
      for (const [from, to] of named) network.mend(from.name, to.name);
    };
  }

  #partition(hosts: readonly number[], forMs: number): () => void {
    const others = this.#world.hosts.map((_, index) => index).filter((index) => !hosts.includes(index));
    const links = hosts.flatMap((host) =>
      others.flatMap((other): (readonly [number, number])[] => [
        [host, other],
        [other, host],
      ]),
    );
    return this.#cutLinks(links, forMs);
  }

  #spoil(kind: 'loss' | 'slow' | 'duplicate', amount: number, forMs: number): () => void {
    const { network, hosts } = this.#world;
    for (const host of hosts) this.#disturb(host, kind === 'duplicate' ? 0 : forMs);
    const property = kind === 'slow' ? 'slowMs' : kind === 'loss' ? 'loss' : 'duplication';
    const before = kind === 'duplicate' ? 0.01 : 0;
    network[property] = amount;
    return () => {
      network[property] = before;
    };
  }

  #changeVoters(numbers: readonly number[]): undefined {
    const world = this.#world;
    this.#attemptVoters(
      numbers.map((number) => world.host(number).name),
      12,
      (left) => (left % 2 === 0 ? 150 : 10),
    );
  }

  /** A writer tries again until it is through, or others have other ideas. */
  #attemptVoters(voters: readonly string[], times: number, pauseMs: (left: number) => number): void {
    const world = this.#world;
    const attempt = (left: number) => {
      const isChanged = world.store.change(voters, (voter) => world.settledEpochOf(voter));
      world.counts.add(isChanged ? 'votersChanged' : 'votersRefused');
      if (isChanged) world.spreadRecord();
      if (left > 0) world.agenda.after(pauseMs(left), () => attempt(left - 1));
    };
    attempt(times);
  }
}

type Harm = 'crash' | 'freeze' | 'workerStall' | 'mainStall' | 'drain' | 'linkDown' | 'refuse' | 'twin';
