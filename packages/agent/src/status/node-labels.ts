// SPDX-License-Identifier: Apache-2.0
import { addressOf } from '@fairlead/shared/address/address.ts';
import { isForbidden, isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import type { ReadonlyStore } from '@fairlead/shared/kubernetes/reflector.ts';
import { NODES } from '@fairlead/shared/kubernetes/resources.ts';
import type { Clock, Timer } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { ServedService } from '../services/served-service.ts';

/** Limits of the API for the name in a label's key, and for its value. */
const MAX_LABEL_CHARACTERS = 63;

/** Labels of a Node, or changes of them: undefined removes. */
export type Labels = Readonly<Record<string, string | undefined>>;

/** Key of the label that says which node answers for a Service; undefined: the name would be too long. Pure. */
export function serviceLabelKey(namespace: string, name: string): string | undefined {
  const text = `${name}.${namespace}`;
  return text.length > MAX_LABEL_CHARACTERS ? undefined : `${LABEL.serviceProvidedPrefix}${text}`;
}

/**
 * Addresses as a label can carry them: IPv6 as 32 hexadecimal digits (as kube-vip writes it), several joined by `_`, as many
 * as there is room for. Pure.
 */
export function labelValue(addresses: readonly string[]): string {
  let value = '';
  for (const text of addresses) {
    const address = addressOf(text);
    if (address === undefined) continue;
    const word = address.family === 4 ? text : address.value.toString(16).padStart(32, '0');
    const longer = value === '' ? word : `${value}_${word}`;
    if (longer.length <= MAX_LABEL_CHARACTERS) value = longer;
  }
  return value;
}

/** The labels of a node that answers for these. Pure. */
export function labelsOf(
  services: readonly Pick<ServedService, 'namespace' | 'name' | 'addresses'>[],
  answered: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const { namespace, name, addresses } of services) {
    const key = serviceLabelKey(namespace, name);
    const value = labelValue(addresses.filter((address) => answered.has(address)));
    if (key !== undefined && value !== '') labels.set(key, value);
  }
  return labels;
}

/** What to change on a Node so that it has these labels of ours and no others; undefined: nothing. Pure. */
export function labelChanges(current: Labels, wanted: ReadonlyMap<string, string>): Labels | undefined {
  const changes: Record<string, string | undefined> = {};
  for (const key of Object.keys(current)) {
    if (key.startsWith(LABEL.serviceProvidedPrefix) && !wanted.has(key)) changes[key] = undefined;
  }
  for (const [key, value] of wanted) if (current[key] !== value) changes[key] = value;
  return Object.keys(changes).length === 0 ? undefined : changes;
}

/** What {@link NodeLabeler} needs. */
export interface NodeLabelerOptions {
  readonly client: KubeClient;
  readonly node: string;
  readonly nodes: ReadonlyStore<Node>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the labels should say. */
export interface WantedLabels {
  readonly services: readonly ServedService[];
  /** Addresses that this node answers for. */
  readonly answered: ReadonlySet<string>;
  /** Their agents cannot take their labels off themselves. */
  readonly lostNodes: ReadonlySet<string>;
}

/** Time between two writes of one Node: a Node with many Services is written in few steps. */
const PAUSE_MS = 1_000;
const RETRY_MS = 10_000;
/** After a refusal by RBAC, ask again this much later: roles get repaired. */
const FORBIDDEN_PAUSE_MS = 300_000;

/**
 * Says on Node objects which node answers for which Service (`enable_node_labeling`). Level-triggered: compares what the
 * Node says with what is so, so that what a killed predecessor left is swept by the first look. Labels of Services that
 * came here are taken off lost nodes, too. Nothing waits for it.
 */
export class NodeLabeler {
  readonly #options: NodeLabelerOptions;
  /** Node -> no write before. */
  readonly #notBeforeMs = new Map<string, number>();
  readonly #busy = new Set<string>();
  #wanted: ReadonlyMap<string, string> = new Map();
  #lostNodes: ReadonlySet<string> = new Set();
  #timer: Timer | undefined;
  #isWarned = false;
  #isStopped = false;
  /** Keys too long to be labels, told once each. */
  readonly #told = new Set<string>();

  constructor(options: NodeLabelerOptions) {
    this.#options = options;
  }

  /** The whole of what is wanted. Call it whenever something may have changed, and from time to time. */
  want({ services, answered, lostNodes }: WantedLabels): void {
    this.#wanted = labelsOf(services, answered);
    this.#lostNodes = lostNodes;
    this.#tellTooLong(services);
    this.#look();
  }

  /** Takes our labels off this Node, for at most `limitMs`; afterwards nothing is written any more. */
  async stop(limitMs: number): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    const { node, nodes } = this.#options;
    const changes = labelChanges(nodes.get(undefined, node)?.metadata?.labels ?? {}, new Map());
    if (changes !== undefined) await this.#write(node, changes, AbortSignal.timeout(limitMs));
  }

  #look(): void {
    if (this.#isStopped) return;
    const { node, nodes, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const name of [node, ...this.#lostNodes]) {
      const object = nodes.get(undefined, name);
      // Not listed yet, or no Node of that name: a later look will see it.
      if (object === undefined || this.#busy.has(name)) continue;
      const changes = this.#changesOf(name, object.metadata?.labels ?? {});
      if (changes === undefined) continue;
      const fromMs = this.#notBeforeMs.get(name) ?? nowMs;
      if (fromMs > nowMs) nextMs = Math.min(nextMs, fromMs);
      else this.#start(name, changes);
    }
    this.#timer?.cancel();
    if (nextMs < Number.POSITIVE_INFINITY) this.#timer = clock.setTimer(() => this.#look(), nextMs - nowMs);
  }

  #changesOf(name: string, current: Labels): Labels | undefined {
    if (name === this.#options.node) return labelChanges(current, this.#wanted);
    // Only what this node answers for: other nodes take care of theirs.
    const stale = Object.keys(current).filter((key) => this.#wanted.has(key));
    return stale.length === 0 ? undefined : Object.fromEntries(stale.map((key) => [key, undefined]));
  }

  #start(name: string, changes: Labels): void {
    this.#busy.add(name);
    void this.#write(name, changes).then((pauseMs) => {
      this.#busy.delete(name);
      this.#notBeforeMs.set(name, this.#options.clock.monotonicMs() + pauseMs);
      this.#look();
    });
  }

  /** Never rejects; resolves to the time after which to look again. */
  async #write(name: string, changes: Labels, signal?: AbortSignal): Promise<number> {
    const { client, logger } = this.#options;
    const labels = Object.fromEntries(Object.entries(changes).map(([key, value]) => [key, value ?? null]));
    try {
      await client.patch(
        NODES,
        { name },
        { metadata: { labels } },
        { type: 'merge', ...(signal && { signal }) },
      );
      this.#isWarned = false;
      return PAUSE_MS;
    } catch (error) {
      const isRefused = isForbidden(error);
      if (!this.#isWarned && !isNotFound(error)) {
        const hint = isRefused ? 'allow patch on nodes, or unset enable_node_labeling' : 'it is tried again';
        logger.warn({ err: error, node: name, hint }, 'labels of a Node cannot be written');
      }
      this.#isWarned = true;
      return isRefused ? FORBIDDEN_PAUSE_MS : RETRY_MS;
    }
  }

  #tellTooLong(services: readonly ServedService[]): void {
    for (const { key, namespace, name, addresses } of services) {
      if (addresses.length === 0 || this.#told.has(key) || serviceLabelKey(namespace, name) !== undefined)
        continue;
      this.#told.add(key);
      const hint = `<name>.<namespace> has more than ${MAX_LABEL_CHARACTERS} characters`;
      this.#options.logger.warn({ service: key, hint }, 'a Service gets no label on its Node');
    }
  }
}
