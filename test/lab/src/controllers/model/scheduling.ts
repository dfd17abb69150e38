// SPDX-License-Identifier: Apache-2.0
import type { Node, Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { matchesMap, matchesRequirement, type Requirement } from './selectors.ts';

/** A taint of a node. */
export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
  readonly timeAdded?: string;
}

/** A toleration of a pod. */
export interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly value?: string;
  readonly effect?: string;
  readonly tolerationSeconds?: number;
}

/** One alternative of a node selector: all its expressions have to hold. */
interface NodeSelectorTerm {
  readonly matchExpressions?: readonly Requirement[];
  readonly matchFields?: readonly Requirement[];
}

/** Taint keys that the node life cycle sets. */
export const TAINT_NOT_READY = 'node.kubernetes.io/not-ready';
export const TAINT_UNREACHABLE = 'node.kubernetes.io/unreachable';
export const TAINT_UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Whether a toleration covers a taint. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== '' && toleration.effect !== taint.effect)
    return false;
  const operator = toleration.operator ?? 'Equal';
  if (toleration.key === undefined || toleration.key === '') return operator === 'Exists';
  if (toleration.key !== taint.key) return false;
  return operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}

/** The first taint with one of the effects that none of the tolerations covers. */
export function untolerated(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return (taints ?? []).find(
    (taint) =>
      effects.includes(taint.effect) &&
      !(tolerations ?? []).some((toleration) => tolerates(toleration, taint)),
  );
}

/** Whether the pod's node selector and required node affinity admit the node. */
export function nodeMatchesPod(node: Node, spec: NonNullable<Pod['spec']>): boolean {
  if (!matchesMap(spec.nodeSelector ?? {}, node.metadata?.labels)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined) return true;
  return required.nodeSelectorTerms.some((term) => nodeMatchesTerm(node, term));
}

/** Sum of the weights of the preferred terms that the node satisfies. */
export function preferenceOf(node: Node, spec: NonNullable<Pod['spec']>): number {
  const preferred = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred
    .filter(({ preference }) => nodeMatchesTerm(node, preference))
    .reduce((sum, { weight }) => sum + weight, 0);
}

/** A term without any expression matches nothing (as in the scheduler). */
function nodeMatchesTerm(node: Node, term: NodeSelectorTerm): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  const name = { 'metadata.name': node.metadata?.name ?? '' };
  return (
    expressions.every((requirement) => matchesRequirement(requirement, node.metadata?.labels ?? {})) &&
    fields.every((requirement) => matchesRequirement(requirement, name))
  );
}

/** Whether the node's Ready condition is True. */
export function isNodeReady(node: Node): boolean {
  return node.status?.conditions?.find((condition) => condition.type === 'Ready')?.status === 'True';
}
