// SPDX-License-Identifier: Apache-2.0

/** What a request asks for, read from method and path (the RequestInfo of the real API server). */
export type RequestInfo = ResourceRequest | PathRequest;

/** A request for stored objects or one of the review kinds. */
export interface ResourceRequest {
  readonly isResource: true;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  /** '' for cluster-scoped resources and for all namespaces. */
  readonly namespace: string;
  readonly plural: string;
  readonly subresource: string;
  readonly name: string;
  /** The one name that a list or watch selects with `metadata.name=`: RBAC rules with resourceNames apply to it. */
  readonly selectedName: string;
  readonly path: string;
}

/** Any other request: discovery, health, faults. */
export interface PathRequest {
  readonly isResource: false;
  /** The method in lower case. */
  readonly verb: string;
  readonly path: string;
}

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Sub-resources of a namespace; anything else below `/namespaces/NAME/` is a resource in it. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

/** Reads method and URL; `watch=true` and a missing name turn `get` into `watch` or `list`. */
export function parseRequest(method: string, url: URL): RequestInfo {
  const path = url.pathname;
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const pathRequest: PathRequest = { isResource: false, verb: method.toLowerCase(), path };
  const prefix = parts.shift();
  let group = '';
  if (prefix === 'apis') group = parts.shift() ?? '';
  else if (prefix !== 'api') return pathRequest;
  const version = parts.shift();
  if (version === undefined || parts.length === 0) return pathRequest;

  let namespace = '';
  const [first, second, third] = parts;
  if (first === 'namespaces' && second !== undefined && third !== undefined) {
    if (!NAMESPACE_SUBRESOURCES.has(third)) {
      namespace = second;
      parts.splice(0, 2);
    }
  }
  const [plural = '', name = '', subresource = ''] = parts;
  let verb = VERBS[method] ?? method.toLowerCase();
  if (name === '' && verb === 'get') verb = isWatch(url) ? 'watch' : 'list';
  if (name === '' && verb === 'delete') verb = 'deletecollection';
  if (plural === 'namespaces') namespace = '';
  const selectedName = name === '' ? nameInSelector(url.searchParams.get('fieldSelector')) : '';
  return { isResource: true, verb, group, version, namespace, plural, subresource, name, selectedName, path };
}

function nameInSelector(selector: string | null): string {
  const terms = (selector ?? '').split(',');
  return (
    terms.map((term) => /^metadata\.name==?([^=!]+)$/.exec(term)?.[1]).find((name) => name !== undefined) ??
    ''
  );
}

function isWatch(url: URL): boolean {
  const value = url.searchParams.get('watch');
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}
