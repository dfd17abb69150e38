// SPDX-License-Identifier: Apache-2.0
import { keyOf, type Service, type ServicePort } from '@fairlead/shared/kubernetes/objects.ts';
import { vi } from 'vitest';
import type { ClassMode } from '../../services/service-state.ts';
import { createRig, type Rig } from '../../services/testing/fake-cluster.ts';
import { allocatedService, type ServiceTraits, service } from '../../services/testing/services.ts';
import type { PoolData } from './peer-cases.ts';

/** What a Service meets when it comes. */
export interface Scene {
  /** undefined: there is no ConfigMap. */
  readonly data?: PoolData | undefined;
  /** Services that are there already. */
  readonly others?: readonly Service[];
  readonly mode?: ClassMode;
}

/** Ports as users write them: `80`, `UDP/53`. */
export type PortText = `${number}` | `${string}/${number}`;

/** What a test wants to be special about a Service, ports and selector included. */
export interface SubjectTraits extends ServiceTraits {
  readonly ports?: readonly PortText[];
  readonly local?: boolean;
  readonly selector?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A Service that wants an address. */
export function wanting(name: string, traits: SubjectTraits = {}): Service {
  return withTraits(service(name, traits), traits);
}

/** A Service that a cloud provider gave these addresses. */
export function holding(name: string, addresses: string, traits: SubjectTraits = {}): Service {
  return withTraits(allocatedService(name, addresses, traits), traits);
}

function withTraits(base: Service, traits: SubjectTraits): Service {
  const { ports, local, selector, annotations, labels, policy } = traits;
  return {
    ...base,
    metadata: {
      ...base.metadata,
      annotations: { ...base.metadata?.annotations, ...annotations },
      labels: { ...base.metadata?.labels, ...labels },
    },
    spec: {
      ...base.spec,
      ...(policy === undefined && { ipFamilyPolicy: 'SingleStack' }),
      ...(ports && { ports: portsOf(ports) }),
      ...(local && { externalTrafficPolicy: 'Local' }),
      ...(selector && { selector }),
    },
  };
}

/** The ports of a spec. */
export function portsOf(texts: readonly PortText[]): readonly ServicePort[] {
  return texts.map(portOf);
}

function portOf(text: PortText): ServicePort {
  const [number = '', protocol = 'TCP'] = text.split('/').reverse();
  return { port: Number(number), protocol, name: `${protocol.toLowerCase()}-${number}` };
}

/** A running cloud provider in which everything has come to rest. */
export class Stage {
  readonly rig: Rig;

  constructor({ data, others = [], mode }: Scene) {
    this.rig = createRig({ concurrency: 1, ...(mode && { mode }) });
    this.rig.setPools(data);
    for (const each of others) this.rig.cluster.put(each);
    this.rig.cluster.deliver();
    this.rig.lead();
  }

  /** Adds a Service. */
  put(each: Service): void {
    this.rig.cluster.put(each);
  }

  get(name: string, namespace = 'default'): Service | undefined {
    return this.rig.cluster.get(name, namespace);
  }

  /** The addresses written to a Service and accepted; undefined while there are none. */
  addressesOf(name: string, namespace = 'default'): string | undefined {
    const found = this.get(name, namespace);
    const isAccepted = found?.metadata?.labels?.implementation === 'kube-vip';
    return isAccepted ? found?.metadata?.annotations?.['kube-vip.io/loadbalancerIPs'] : undefined;
  }

  /** Messages of the Warning Events about a Service. */
  warnings(name: string, namespace = 'default'): readonly string[] {
    return this.rig.events
      .filter(({ type, about }) => type === 'Warning' && about === `${namespace}/${name}`)
      .map(({ message }) => message);
  }

  /** Waits until the condition holds. */
  until(condition: () => void): Promise<void> {
    return vi.waitFor(condition, { timeout: 3_000, interval: 2 });
  }

  /** Reason codes counted so far. */
  async refusals(): Promise<readonly string[]> {
    const text = await this.rig.metrics();
    return [...text.matchAll(/^fairlead_ipam_failures_total\{reason="(\w+)"\} [1-9]/gm)].map(
      ([, reason = '']) => reason,
    );
  }

  end(): Promise<void> {
    return this.rig.stop();
  }
}

/** Runs on a stage and ends it. */
export async function onStage<T>(scene: Scene, act: (stage: Stage) => Promise<T>): Promise<T> {
  const stage = new Stage(scene);
  try {
    return await act(stage);
  } finally {
    await stage.end();
  }
}

/** The addresses that a Service gets, `,` between them, or the reason code of its refusal. */
export function verdictOn(subject: Service, scene: Scene): Promise<string> {
  return onStage(scene, async (stage) => {
    const before = await stage.refusals();
    stage.put(subject);
    const { name = '', namespace = '' } = subject.metadata ?? {};
    const isTold = () => stage.addressesOf(name, namespace) ?? stage.warnings(name, namespace)[0];
    await stage.until(() => {
      if (isTold() === undefined) throw new Error(`nothing has happened to ${keyOf(subject)}`);
    });
    const given = stage.addressesOf(name, namespace);
    if (given !== undefined) return given;
    return (await stage.refusals()).filter((reason) => !before.includes(reason)).join();
  });
}
