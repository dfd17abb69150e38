// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';

/** What an object says but for labels, which the chart adds, and the tag of images, which is the release's. */
function essence({ metadata, ...rest }: KubeObject): unknown {
  const { labels: _, ...others } = metadata ?? {};
  const text = JSON.stringify({ ...rest, metadata: others }).replaceAll(/(fairlead\/[-a-z]+):[.\w]+/g, '$1');
  return JSON.parse(text, (key, value: unknown) => (key === 'env' ? environment(value) : value));
}

/** An environment as a map; no value is the same as none. */
function environment(entries: unknown): unknown {
  const list = entries as readonly { name: string; value?: string; valueFrom?: unknown }[];
  return Object.fromEntries(list.flatMap(({ name, ...rest }) => (isEmpty(rest) ? [] : [[name, rest]])));
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

/** Kind and name. */
export const nameOf = ({ kind, metadata }: KubeObject): string => `${kind}/${metadata?.name}`;

/** What objects say, by kind and name; labels, tags of images and the order of environments do not count. @throws Error for two of a name */
export function byName(objects: readonly KubeObject[]): Record<string, unknown> {
  const names = objects.map(nameOf);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`${twice} is there twice`);
  return Object.fromEntries(objects.map((object) => [nameOf(object), essence(object)]));
}

/** The Pod specification of an object that has one. */
function podSpecOf(object: KubeObject): PodSpec | undefined {
  const { spec } = object as { spec?: { template?: { spec?: PodSpec } } & PodSpec };
  return object.kind === 'Pod' ? spec : spec?.template?.spec;
}

/** What the tests look at in a container. */
export interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext?: {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
    readonly seccompProfile?: { readonly type: string };
  };
}

/** What the tests look at in a Pod. */
export interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly securityContext?: Container['securityContext'] & { readonly runAsNonRoot?: boolean };
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
}

/** The Pod specifications of all objects that have one. */
export function podsOf(objects: readonly KubeObject[]): readonly PodSpec[] {
  return objects.flatMap((object) => podSpecOf(object) ?? []);
}

/** The Pod specification of the first DaemonSet. */
export function daemonSetOf(objects: readonly KubeObject[]): PodSpec {
  const found = objects.find(({ kind }) => kind === 'DaemonSet');
  const spec = found === undefined ? undefined : podSpecOf(found);
  if (spec === undefined) throw new Error('there is no DaemonSet');
  return spec;
}
