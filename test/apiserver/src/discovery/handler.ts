// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../api/objects.ts';
import { type Exchange, sendBody, sendJson } from '../http/exchange.ts';
import { acceptedConversion } from '../http/negotiate.ts';
import {
  aggregatedDiscovery,
  coreVersions,
  groupDocument,
  groupList,
  resourceList,
  SERVED_VERSIONS,
} from './documents.ts';

/** The version this server behaves like: what clients decide features by. */
export const SERVER_VERSION: JsonObject = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.3+fairlead',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2026-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: 'linux/amd64',
};

const HEALTH = new Set(['/healthz', '/livez', '/readyz']);

/** Paths anybody may see, also without credentials. */
export function isPublic(path: string): boolean {
  return HEALTH.has(path) || HEALTH.has(`/${path.split('/')[1] ?? ''}`) || path === '/version';
}

/** Answers discovery, version and health; false when the path is none of these. */
export function handleDiscovery(exchange: Exchange): boolean {
  const path = exchange.url.pathname.replace(/(.)\/+$/, '$1');
  if (path === '/version') return send(exchange, SERVER_VERSION);
  if (isPublic(path)) {
    sendBody(exchange.response, 200, 'text/plain; charset=utf-8', 'ok');
    return true;
  }
  if (path === '/api' || path === '/apis') return sendGroups(exchange, path);
  const [, prefix = '', first = '', second, rest] = path.split('/');
  if (path === '/') return send(exchange, { paths: knownPaths() });
  if (rest !== undefined) return false;
  if (prefix === 'api' && second === undefined) return sendIfKnown(exchange, resourceList('', first));
  if (prefix !== 'apis') return false;
  const document = second === undefined ? groupDocument(first) : resourceList(first, second);
  return sendIfKnown(exchange, document);
}

function sendGroups(exchange: Exchange, path: '/api' | '/apis'): boolean {
  const version = acceptedConversion(
    exchange.request.headers.accept,
    'APIGroupDiscoveryList',
    'apidiscovery.k8s.io',
    ['v2', 'v2beta1'],
  );
  if (version === undefined) {
    return send(exchange, path === '/api' ? coreVersions(exchange.request.headers.host ?? '') : groupList());
  }
  const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
  const document = JSON.stringify(aggregatedDiscovery(path, version));
  exchange.response.setHeader('Vary', 'Accept');
  sendBody(exchange.response, 200, type, document);
  return true;
}

function send(exchange: Exchange, document: JsonObject): boolean {
  sendJson(exchange, 200, document);
  return true;
}

function sendIfKnown(exchange: Exchange, document: JsonObject | undefined): boolean {
  return document === undefined ? false : send(exchange, document);
}

function knownPaths(): string[] {
  const versions = SERVED_VERSIONS.map((version) => (version === 'v1' ? '/api/v1' : `/apis/${version}`));
  return ['/api', '/apis', ...versions, ...HEALTH, '/openapi/v2', '/openapi/v3', '/version'].sort();
}
