// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, type JsonObject, stringOf } from './api/objects.ts';
import { parseTokenFile } from './auth/user.ts';
import { type ApiServerHandle, createApiServer } from './server.ts';
import { createTestClient, type TestClient } from './testing/client.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ROLE_REF = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole' };

let server: ApiServerHandle;
let client: TestClient;

beforeAll(async () => {
  const tokens = parseTokenFile('a,admin,1,"system:masters"\nb,bob,2,"devs,ops"\nc,carol,3\n');
  server = await createApiServer({ tokens });
  client = createTestClient(server);
});
afterAll(async () => {
  client.close();
  await server.close();
});

async function code(method: string, path: string, token: string | null, body?: JsonObject): Promise<number> {
  return (await client.send(method, path, { token, ...(body ? { body } : {}) })).code;
}

describe('token file', () => {
  it('has quoted lists of groups and optional ones', () => {
    expect(parseTokenFile('t1,u1,id1,"g1,g2"\n\n# note\nt2,u2,id2')).toEqual([
      { token: 't1', name: 'u1', uid: 'id1', groups: ['g1', 'g2'] },
      { token: 't2', name: 'u2', uid: 'id2', groups: [] },
    ]);
    expect(() => parseTokenFile('ok,u,id\nbad,line')).toThrow('token file line 2: expected token,user,uid');
  });
});

describe('authentication', () => {
  it('lets nobody in without a known token, except to health and version', async () => {
    expect(await code('GET', '/api/v1/pods', null)).toBe(401);
    expect(await code('GET', '/api/v1/pods', 'wrong')).toBe(401);
    expect(await code('GET', '/healthz', null)).toBe(200);
    expect(await code('GET', '/readyz', null)).toBe(200);
    expect(await code('GET', '/version', null)).toBe(200);
    expect(await code('GET', '/healthz', 'wrong')).toBe(401);
  });

  it('knows users again in reviews', async () => {
    const self = await client.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, { token: 'b' });
    expect(at(self.body, 'status', 'userInfo')).toEqual({
      username: 'bob',
      uid: '2',
      groups: ['devs', 'ops', 'system:authenticated'],
    });
    const review = await client.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'b' } });
    expect(review.body.status).toMatchObject({ authenticated: true, user: { username: 'bob' } });
    const unknown = await client.post('/apis/authentication.k8s.io/v1/tokenreviews', {
      spec: { token: 'x' },
    });
    expect(at(unknown.body, 'status', 'authenticated')).toBeUndefined();
  });

  it('signs service-account tokens that end with their account', async () => {
    const accounts = '/api/v1/namespaces/default/serviceaccounts';
    await client.post(accounts, { metadata: { name: 'robot' } });
    const answer = await client.post(`${accounts}/robot/token`, { spec: { expirationSeconds: 600 } });
    expect(answer.code).toBe(201);
    const token = stringOf(at(answer.body, 'status', 'token'));
    const self = await client.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, { token });
    expect(at(self.body, 'status', 'userInfo')).toMatchObject({
      username: 'system:serviceaccount:default:robot',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    });
    const [head, payload, signature] = token.split('.');
    const forged = Buffer.from(
      Buffer.from(payload ?? '', 'base64url')
        .toString()
        .replace('default:robot', 'default:admin'),
    ).toString('base64url');
    expect(await code('GET', '/apis', `${head}.${forged}.${signature}`)).toBe(401);
    await client.remove(`${accounts}/robot`);
    expect(await code('GET', '/apis', token)).toBe(401);
    expect((await client.post(`${accounts}/robot/token`, {})).code).toBe(404);
  });

  it('refuses tokens that live too short', async () => {
    const accounts = '/api/v1/namespaces/default/serviceaccounts';
    await client.post(accounts, { metadata: { name: 'short' } });
    const answer = await client.post(`${accounts}/short/token`, { spec: { expirationSeconds: 5 } });
    expect(answer.code).toBe(422);
    expect(answer.body.message).toContain('may not specify a duration less than 10 minutes');
  });
});

describe('authorization', () => {
  it('refuses in the words of the real server', async () => {
    const one = await client.get('/api/v1/namespaces/default/pods/x', { token: 'b' });
    expect(one.code).toBe(403);
    expect(one.body).toMatchObject({
      message:
        'pods "x" is forbidden: User "bob" cannot get resource "pods" in API group "" in the namespace "default"',
      reason: 'Forbidden',
      details: { name: 'x', kind: 'pods' },
    });
    const all = await client.get('/apis/apps/v1/deployments', { token: 'b' });
    expect(all.body.message).toBe(
      'deployments.apps is forbidden: User "bob" cannot list resource "deployments" in API group "apps" at the cluster scope',
    );
    const path = await client.get('/metrics', { token: 'b' });
    expect(path.body.message).toBe('forbidden: User "bob" cannot get path "/metrics"');
  });

  it('lets everybody discover', async () => {
    for (const path of ['/api', '/apis', '/api/v1', '/apis/apps/v1', '/openapi/v2', '/openapi/v3']) {
      expect(await code('GET', path, 'c')).toBe(200);
    }
  });

  it('follows bindings as they come and go', async () => {
    await client.post(`${RBAC}/clusterroles`, {
      metadata: { name: 'reader' },
      rules: [{ apiGroups: [''], resources: ['services', 'pods/log'], verbs: ['get', 'list'] }],
    });
    const bindings = `${RBAC}/namespaces/default/rolebindings`;
    const services = '/api/v1/namespaces/default/services';
    expect(await code('GET', services, 'b')).toBe(403);
    await client.post(bindings, {
      metadata: { name: 'bob' },
      roleRef: { ...ROLE_REF, name: 'reader' },
      subjects: [{ kind: 'Group', name: 'devs', apiGroup: 'rbac.authorization.k8s.io' }],
    });
    expect(await code('GET', services, 'b')).toBe(200);
    expect(await code('GET', services, 'c')).toBe(403);
    expect(await code('GET', '/api/v1/services', 'b')).toBe(403);
    expect(await code('GET', `${services}?watch=1`, 'b')).toBe(403);
    expect(await code('PUT', `${services}/kubernetes`, 'b', {})).toBe(403);
    expect(await code('GET', `${services}/kubernetes/status`, 'b')).toBe(403);
    await client.remove(`${bindings}/bob`);
    expect(await code('GET', services, 'b')).toBe(403);
  });

  it('binds service accounts and single names', async () => {
    await client.post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'agent' } });
    await client.post(`${RBAC}/clusterroles`, {
      metadata: { name: 'one-map' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['kubevip'], verbs: ['get'] }],
    });
    await client.post(`${RBAC}/clusterrolebindings`, {
      metadata: { name: 'agent' },
      roleRef: { ...ROLE_REF, name: 'one-map' },
      subjects: [{ kind: 'ServiceAccount', name: 'agent', namespace: 'default' }],
    });
    const answer = await client.post('/api/v1/namespaces/default/serviceaccounts/agent/token', {});
    const token = stringOf(at(answer.body, 'status', 'token'));
    expect(await code('GET', '/api/v1/namespaces/kube-system/configmaps/kubevip', token)).toBe(404);
    expect(await code('GET', '/api/v1/namespaces/kube-system/configmaps/other', token)).toBe(403);
    const review = (resource: JsonObject) =>
      client.post(
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        { spec: { resourceAttributes: resource } },
        { token },
      );
    const get = { verb: 'get', resource: 'configmaps', namespace: 'x' };
    expect(at((await review({ ...get, name: 'kubevip' })).body, 'status', 'allowed')).toBe(true);
    expect(at((await review(get)).body, 'status', 'allowed')).toBe(false);
  });

  it('lets admins act for others, and nobody else', async () => {
    const as = (token: string) =>
      client.get('/api/v1/pods', { token, headers: { 'Impersonate-User': 'dave' } });
    expect((await as('a')).body.message).toContain('User "dave" cannot list resource "pods"');
    expect((await as('b')).body.message).toContain('User "bob" cannot impersonate resource "users"');
  });
});
