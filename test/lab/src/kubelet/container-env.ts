// SPDX-License-Identifier: Apache-2.0
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { expandReferences } from './images.ts';

/** A container of a pod's spec. */
export type ContainerSpec = NonNullable<Pod['spec']>['containers'][number];

/** Where values come from that are not in the pod. Undefined: the object does not exist. */
export interface ValueSource {
  configMap(name: string): Promise<Readonly<Record<string, string>> | undefined>;
  /** Decoded. */
  secret(name: string): Promise<Readonly<Record<string, string>> | undefined>;
}

/** Facts about the running pod that the API object may not carry yet. */
export interface PodFacts {
  readonly pod: Pod;
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
}

/** A container cannot be started as configured (`CreateContainerConfigError`). */
export class ConfigError extends Error {}

/**
 * Environment of a container: `envFrom`, then `env` in order; `$(NAME)` refers to what stands before. Throws
 * {@link ConfigError} when a required object or key is missing.
 */
export async function containerEnv(
  container: ContainerSpec,
  base: Readonly<Record<string, string>>,
  facts: PodFacts,
  source: ValueSource,
): Promise<Record<string, string>> {
  const env: Record<string, string> = { ...base };
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data = configMapRef
      ? await required(source.configMap(configMapRef.name ?? ''), 'configmap', configMapRef)
      : await required(source.secret(secretRef?.name ?? ''), 'secret', secretRef ?? {});
    for (const [key, value] of Object.entries(data ?? {})) env[`${prefix}${key}`] = value;
  }
  for (const entry of container.env ?? []) {
    const value =
      entry.valueFrom === undefined
        ? expandReferences(entry.value ?? '', env)
        : await valueFrom(entry.valueFrom, container, facts, source);
    if (value !== undefined) env[entry.name] = value;
  }
  return env;
}

type ValueFrom = NonNullable<NonNullable<ContainerSpec['env']>[number]['valueFrom']>;

async function valueFrom(
  from: ValueFrom,
  container: ContainerSpec,
  facts: PodFacts,
  source: ValueSource,
): Promise<string | undefined> {
  if (from.fieldRef) return fieldValue(from.fieldRef.fieldPath, facts);
  if (from.configMapKeyRef) {
    const { name = '', key } = from.configMapKeyRef;
    return keyOf(
      await required(source.configMap(name), 'configmap', from.configMapKeyRef),
      key,
      from.configMapKeyRef,
    );
  }
  if (from.secretKeyRef) {
    const { name = '', key } = from.secretKeyRef;
    return keyOf(await required(source.secret(name), 'secret', from.secretKeyRef), key, from.secretKeyRef);
  }
  if (from.resourceFieldRef) {
    const { resource } = from.resourceFieldRef;
    const [kind = 'limits', name = ''] = resource.split('.');
    return (kind === 'requests' ? container.resources?.requests : container.resources?.limits)?.[name] ?? '0';
  }
  return '';
}

interface Reference {
  readonly name?: string;
  readonly optional?: boolean;
}

async function required(
  data: Promise<Readonly<Record<string, string>> | undefined>,
  kind: string,
  reference: Reference,
): Promise<Readonly<Record<string, string>> | undefined> {
  const found = await data;
  if (found === undefined && reference.optional !== true) {
    throw new ConfigError(`${kind} "${reference.name ?? ''}" not found`);
  }
  return found;
}

function keyOf(
  data: Readonly<Record<string, string>> | undefined,
  key: string,
  reference: Reference,
): string | undefined {
  const value = data?.[key];
  if (value === undefined && reference.optional !== true) {
    throw new ConfigError(`couldn't find key ${key} in "${reference.name ?? ''}"`);
  }
  return value;
}

/** Value of a downward API field; throws {@link ConfigError} for paths we do not know. */
export function fieldValue(path: string, { pod, podIps, hostIps }: PodFacts): string {
  const indexed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (indexed !== null) {
    const map = indexed[1] === 'labels' ? pod.metadata?.labels : pod.metadata?.annotations;
    return map?.[indexed[2] ?? ''] ?? '';
  }
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': pod.metadata?.name ?? '',
    'metadata.namespace': pod.metadata?.namespace ?? '',
    'metadata.uid': pod.metadata?.uid ?? '',
    'metadata.labels': formatMap(pod.metadata?.labels),
    'metadata.annotations': formatMap(pod.metadata?.annotations),
    'spec.nodeName': pod.spec?.nodeName ?? '',
    'spec.serviceAccountName': pod.spec?.serviceAccountName ?? 'default',
    'status.podIP': podIps[0] ?? '',
    'status.podIPs': podIps.join(','),
    'status.hostIP': hostIps[0] ?? '',
    'status.hostIPs': hostIps.join(','),
  };
  const value = fields[path];
  if (value === undefined) throw new ConfigError(`unsupported fieldPath "${path}"`);
  return value;
}

function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}
