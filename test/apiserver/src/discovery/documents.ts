// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../api/objects.ts';
import { REVIEWS } from '../handlers/reviews.ts';
import { RESOURCES } from '../resources/catalog.ts';
import type { Subresource } from '../resources/definition.ts';

/** One entry of an APIResourceList. */
interface Resource {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly group?: string;
  readonly version?: string;
}

/** A group version and what it serves. */
interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly resources: readonly Resource[];
}

const SUBRESOURCE_KINDS: Readonly<
  Record<Subresource, Omit<Resource, 'name' | 'singularName' | 'namespaced'> | undefined>
> = {
  status: undefined,
  finalize: undefined,
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] },
  binding: { kind: 'Binding', verbs: ['create'] },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'] },
};

/** The order in which the real API server lists its groups, as far as they are served here. */
const GROUP_ORDER = [
  '',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'batch',
  'networking.k8s.io',
  'rbac.authorization.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
];

function collectGroupVersions(): GroupVersion[] {
  const resources = new Map<string, Resource[]>();
  const listOf = (group: string, version: string): Resource[] => {
    const key = `${group}/${version}`;
    const list = resources.get(key) ?? [];
    resources.set(key, list);
    return list;
  };
  for (const definition of RESOURCES) {
    const { group, version, plural, singular, namespaced, kind, verbs, shortNames, categories } = definition;
    const list = listOf(group, version);
    list.push({
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs: [...verbs].sort(),
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
    });
    for (const subresource of [...definition.subresources].sort()) {
      const own = SUBRESOURCE_KINDS[subresource];
      const statusVerbs = subresource === 'finalize' ? ['update'] : ['get', 'patch', 'update'];
      list.push({
        name: `${plural}/${subresource}`,
        singularName: '',
        namespaced,
        ...(own ?? { kind, verbs: statusVerbs }),
      });
    }
  }
  for (const { group, version, plural, singular, namespaced, kind } of REVIEWS) {
    listOf(group, version).push({
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs: ['create'],
    });
  }
  return GROUP_ORDER.map((group) => ({
    group,
    version: 'v1',
    resources: resources.get(`${group}/v1`) ?? [],
  }));
}

const GROUP_VERSIONS = collectGroupVersions();

/** Group versions served, e.g. `v1`, `apps/v1`. */
export const SERVED_VERSIONS: readonly string[] = GROUP_VERSIONS.map(({ group, version }) =>
  group === '' ? version : `${group}/${version}`,
);

/** `GET /api`. */
export function coreVersions(server: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: server }],
  };
}

function groupEntry({ group, version }: GroupVersion): JsonObject {
  const entry = { groupVersion: `${group}/${version}`, version };
  return { name: group, versions: [entry], preferredVersion: entry };
}

/** `GET /apis`. */
export function groupList(): JsonObject {
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: GROUP_VERSIONS.filter(({ group }) => group !== '').map(groupEntry),
  };
}

/** `GET /apis/GROUP`; `undefined` for a group that is not served. */
export function groupDocument(group: string): JsonObject | undefined {
  const found = GROUP_VERSIONS.find((item) => item.group === group && group !== '');
  return found && { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(found) };
}

/** `GET /api/v1` and `GET /apis/GROUP/VERSION`; `undefined` when not served. */
export function resourceList(group: string, version: string): JsonObject | undefined {
  const found = GROUP_VERSIONS.find((item) => item.group === group && item.version === version);
  if (found === undefined) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: found.resources.map((resource) => ({ ...resource })),
  };
}

/** The aggregated document that new clients ask for at `/api` and `/apis`: everything in one answer. */
export function aggregatedDiscovery(path: '/api' | '/apis', version: string): JsonObject {
  const served = GROUP_VERSIONS.filter(({ group }) => (path === '/api') === (group === ''));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: served.map((item) => ({
      metadata: item.group === '' ? {} : { name: item.group },
      versions: [{ version: item.version, freshness: 'Current', resources: aggregatedResources(item) }],
    })),
  };
}

function aggregatedResources({ group, version, resources }: GroupVersion): JsonObject[] {
  const kindOf = (resource: Resource): JsonObject => ({
    group: resource.group ?? group,
    version: resource.version ?? version,
    kind: resource.kind,
  });
  const main = resources.filter(({ name }) => !name.includes('/'));
  return main.map((resource) => {
    const prefix = `${resource.name}/`;
    const below = resources.filter(({ name }) => name.startsWith(prefix));
    return {
      resource: resource.name,
      responseKind: kindOf(resource),
      scope: resource.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: resource.singularName,
      verbs: resource.verbs,
      ...(resource.shortNames ? { shortNames: resource.shortNames } : {}),
      ...(resource.categories ? { categories: resource.categories } : {}),
      ...(below.length > 0
        ? {
            subresources: below.map((item) => ({
              subresource: item.name.slice(prefix.length),
              responseKind: kindOf(item),
              verbs: item.verbs,
            })),
          }
        : {}),
    };
  });
}
