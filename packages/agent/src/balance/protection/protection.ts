// SPDX-License-Identifier: Apache-2.0
import type { ServiceProblem } from '../../services/problem.ts';
import type { ServedService } from '../../services/served-service.ts';
import { NOTHING_TO_PROTECT, type ProtectionModel } from './policy.ts';
import { type ProtectionRule, protectionModel } from './protection-model.ts';
import { NO_PROTECTOR, type Protector } from './protector.ts';

/** Follows the Services: what they ask for is what the protector does. */
export class Protection {
  readonly #protector: Protector;
  readonly #rule: ProtectionRule;
  #services: readonly ServedService[] = [];
  #others: readonly ReadonlySet<string>[] = [];
  #model: ProtectionModel = NOTHING_TO_PROTECT;

  constructor(protector: Protector = NO_PROTECTOR, rule: ProtectionRule = TRUSTING) {
    this.#protector = protector;
    this.#rule = rule;
  }

  /**
   * Resolves when the kernel filters as these Services want.
   *
   * @param services oldest first
   * @param others addresses that others than Services are reached at, of nodes and of the control plane, in groups
   */
  async follow(
    services: readonly ServedService[],
    others: readonly ReadonlySet<string>[] = [],
  ): Promise<void> {
    // Endpoints change all the time, and nothing that matters here.
    const isKnown = sayTheSame(services, this.#services) && areEqual(others, this.#others);
    if (!isKnown) this.#model = protectionModel(services, this.#rule, others, this.#model);
    this.#services = services;
    this.#others = others;
    await this.#protector.apply(this.#model);
  }

  /** `namespace/name` -> what is wrong with a wish, or cannot be done here. */
  problems(): ReadonlyMap<string, readonly ServiceProblem[]> {
    const here = this.#protector.problems();
    if (here.size === 0) return this.#model.problems;
    const all = new Map(this.#model.problems);
    for (const [key, problems] of here) all.set(key, [...(all.get(key) ?? []), ...problems]);
    return all;
  }
}

const TRUSTING: ProtectionRule = { closePorts: false, synProxyObstacle: () => undefined };

function areEqual(a: readonly ReadonlySet<string>[], b: readonly ReadonlySet<string>[]): boolean {
  const isEqual = (one: ReadonlySet<string>, other: ReadonlySet<string> | undefined) =>
    one === other || (one.size === other?.size && [...one].every((address) => other.has(address)));
  return a.length === b.length && a.every((set, index) => isEqual(set, b[index]));
}

function sayTheSame(a: readonly ServedService[], b: readonly ServedService[]): boolean {
  return a.length === b.length && a.every((service, index) => saysTheSame(service, b[index]));
}

/** An object never changes in place; addresses may come from elsewhere. */
function saysTheSame(a: ServedService, b: ServedService | undefined): boolean {
  if (a === b) return true;
  return (
    a.object === b?.object &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, index) => address === b.addresses[index])
  );
}
