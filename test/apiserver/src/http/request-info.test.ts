// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { acceptedConversion, negotiate } from './negotiate.ts';
import { parseRequest } from './request-info.ts';

function summary(method: string, path: string): string {
  const info = parseRequest(method, new URL(path, 'https://server'));
  if (!info.isResource) return `${info.verb} ${info.path}`;
  const { verb, group, version, namespace, plural, name, subresource } = info;
  return [verb, group, version, namespace, plural, name, subresource].join('|');
}

describe('parseRequest', () => {
  it.each([
    ['GET', '/api/v1/pods', 'list||v1||pods||'],
    ['GET', '/api/v1/pods?watch=true', 'watch||v1||pods||'],
    ['GET', '/api/v1/pods?watch', 'watch||v1||pods||'],
    ['GET', '/api/v1/pods?watch=false', 'list||v1||pods||'],
    ['GET', '/api/v1/namespaces', 'list||v1||namespaces||'],
    ['GET', '/api/v1/namespaces/x', 'get||v1||namespaces|x|'],
    ['PUT', '/api/v1/namespaces/x/finalize', 'update||v1||namespaces|x|finalize'],
    ['PATCH', '/api/v1/namespaces/x/status', 'patch||v1||namespaces|x|status'],
    ['GET', '/api/v1/namespaces/x/services/s', 'get||v1|x|services|s|'],
    ['PUT', '/api/v1/namespaces/x/services/s/status', 'update||v1|x|services|s|status'],
    ['POST', '/apis/apps/v1/namespaces/x/deployments', 'create|apps|v1|x|deployments||'],
    ['DELETE', '/apis/apps/v1/namespaces/x/deployments', 'deletecollection|apps|v1|x|deployments||'],
    ['DELETE', '/apis/apps/v1/namespaces/x/deployments/d', 'delete|apps|v1|x|deployments|d|'],
    ['GET', '/apis/apps/v1', 'get /apis/apps/v1'],
    ['GET', '/apis', 'get /apis'],
    ['GET', '/healthz', 'get /healthz'],
    ['GET', '/api/v1/services/a%2Fb', 'get||v1||services|a/b|'],
  ])('%s %s', (method, path, expected) => {
    expect(summary(method, path)).toBe(expected);
  });
});

describe('negotiate', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';

  it('takes the first acceptable entry and passes over what it cannot write', () => {
    expect(negotiate(undefined)).toBe('object');
    expect(negotiate('application/vnd.kubernetes.protobuf,application/json')).toBe('object');
    expect(negotiate(`${table},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`)).toBe(
      'table',
    );
    expect(negotiate(`application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`)).toBe('object');
    expect(negotiate('application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1')).toBe('metadata');
    expect(negotiate(`application/json;q=0.5,${table}`)).toBe('table');
  });

  it('answers 406 when nothing fits', () => {
    expect(() => negotiate('application/vnd.kubernetes.protobuf')).toThrow('406: Not Acceptable');
  });

  it('finds the version of aggregated discovery', () => {
    const accept =
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';
    const group = 'apidiscovery.k8s.io';
    expect(acceptedConversion(accept, 'APIGroupDiscoveryList', group, ['v2', 'v2beta1'])).toBe('v2');
    expect(acceptedConversion(accept, 'APIGroupDiscoveryList', group, ['v2beta1'])).toBe('v2beta1');
    expect(acceptedConversion('application/json', 'APIGroupDiscoveryList', group, ['v2'])).toBeUndefined();
  });
});
