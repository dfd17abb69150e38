// SPDX-License-Identifier: Apache-2.0
import { formatAddress } from '@fairlead/shared/address/address.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import { Holdings } from '../../allocator/holdings.ts';
import { parsePools } from '../../pools/parse.ts';
import { decide } from '../decide.ts';
import type { Decision, DecisionContext } from '../decision.ts';
import { claimOf } from '../service-state.ts';
import { withAssignment } from '../write.ts';
import { type PortText, portOf, type ServiceTraits, service } from './services.ts';

const NOON = Date.UTC(2026, 0, 1, 12);
/** Four addresses. */
export const FOUR = '10.0.0.1-10.0.0.4';

/** Data of the ConfigMap. */
export type Data = Record<string, string>;

/** A small cluster in which Services are decided on one after the other, and written at once. */
export class Stage {
  readonly #services = new Map<string, Service>();
  readonly #holdings = new Holdings({ restOf: () => 0 });
  #data: Data;
  wallMs = NOON;

  constructor(data: Data) {
    this.#data = data;
  }

  /** Other pools are in force. */
  pools(data: Data): this {
    this.#data = data;
    for (const each of this.#services.values()) this.put(each);
    return this;
  }

  put(each: Service): this {
    const { namespace, name } = each.metadata ?? {};
    this.#services.set(`${namespace}/${name}`, each);
    this.#holdings.observe(claimOf(each, parsePools(this.#data)), 0);
    return this;
  }

  get(name: string, namespace = 'default'): Service {
    const found = this.#services.get(`${namespace}/${name}`);
    if (found === undefined) throw new Error(`no Service ${name}`);
    return found;
  }

  edit(name: string, change: (service: Service) => Service): this {
    return this.put(change(this.get(name)));
  }

  decide(name: string, namespace = 'default'): Decision {
    const context: DecisionContext = {
      pools: parsePools(this.#data),
      holdings: this.#holdings,
      mode: { kind: 'classless' },
      configMap: 'kube-system/kubevip',
      nowMs: 0,
      wallMs: this.wallMs,
    };
    return decide(this.get(name, namespace), context);
  }

  /** Decides and carries out; `10.0.0.1 from global`, or `PoolExhausted: …`. */
  sync(name: string, namespace = 'default'): string {
    const decision = this.decide(name, namespace);
    if (decision.kind === 'assign') {
      const wanted = withAssignment(this.get(name, namespace), decision);
      if (wanted !== undefined) this.put(wanted);
    }
    return summary(decision);
  }

  /** A new Service, decided on. */
  add(name: string, traits: ServiceTraits = {}): string {
    this.put(service(name, traits));
    return this.sync(name, traits.namespace);
  }
}

function summary(decision: Decision): string {
  if (decision.kind === 'assign') {
    const from = `${decision.addresses.map(formatAddress).join()} from ${decision.allocatedFrom}`;
    return [from, ...decision.notes].join('; ');
  }
  if (decision.kind === 'refuse') {
    return `${decision.withdraw === undefined ? '' : 'withdraw, '}${decision.reason}: ${decision.message}`;
  }
  return decision.kind;
}

/** The user writes another address annotation. */
export function annotatedWith(text: string): (service: Service) => Service {
  return (each) => ({
    ...each,
    metadata: {
      ...each.metadata,
      annotations: { ...each.metadata?.annotations, 'kube-vip.io/loadbalancerIPs': text },
    },
  });
}

/** The user edits the families. */
export function withFamilies(
  ipFamilyPolicy: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack',
  ipFamilies: readonly ('IPv4' | 'IPv6')[],
): (service: Service) => Service {
  return (each) => ({ ...each, spec: { ...each.spec, ipFamilyPolicy, ipFamilies } });
}

/** The user edits the ports. */
export function withPorts(...ports: readonly PortText[]): (service: Service) => Service {
  return (each) => ({ ...each, spec: { ...each.spec, ports: ports.map(portOf) } });
}

/** The user removes an annotation. */
export function without(each: Service, key: string): Service {
  const { [key]: _gone, ...annotations } = each.metadata?.annotations ?? {};
  return { ...each, metadata: { ...each.metadata, annotations } };
}
