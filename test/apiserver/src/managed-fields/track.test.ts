// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import type { ApiObject } from '../api/objects.ts';
import { trackUpdate } from './track.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const LATER = new Date('2026-01-02T00:00:00Z');
const writer = (manager: string, now = NOW, subresource = '') => ({ manager, now, subresource });

const MAP: ApiObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { a: '1' } };

describe('trackUpdate', () => {
  test('records the creator, and later whoever changes', () => {
    const created = trackUpdate('/ConfigMap', undefined, MAP, writer('one'));
    const changed = trackUpdate(
      '/ConfigMap',
      created,
      { ...created, data: { a: '2', b: '3' } },
      writer('two', LATER),
    );
    expect(changed.metadata.managedFields).toEqual([
      {
        manager: 'one',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2026-01-02T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': {} },
      },
      {
        manager: 'two',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2026-01-02T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:a': {}, 'f:b': {} } },
      },
    ]);
  });

  test('keeps the time of a manager whose fields stay', () => {
    const created = trackUpdate('/ConfigMap', undefined, MAP, writer('one'));
    expect(trackUpdate('/ConfigMap', created, created, writer('one', LATER))).toEqual(created);
  });

  test('forgets everybody when asked to, and follows nobody after that', () => {
    const created = trackUpdate('/ConfigMap', undefined, MAP, writer('one'));
    const reset = { ...created, metadata: { ...created.metadata, managedFields: [{}] } };
    const forgotten = trackUpdate('/ConfigMap', created, reset, writer('one'));
    expect(forgotten.metadata.managedFields).toBeUndefined();
    const changed = trackUpdate('/ConfigMap', forgotten, { ...forgotten, data: { a: '7' } }, writer('two'));
    expect(changed.metadata.managedFields).toBeUndefined();
  });

  test('status writers own nothing of the specification', () => {
    const service: ApiObject = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'x' },
      spec: { type: 'LoadBalancer' },
    };
    const created = trackUpdate('/Service', undefined, service, writer('one'));
    const next = {
      ...created,
      spec: { type: 'ClusterIP' },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
    };
    const changed = trackUpdate('/Service', created, next, writer('two', NOW, 'status'));
    expect(changed.metadata.managedFields?.[1]).toMatchObject({
      manager: 'two',
      subresource: 'status',
      fieldsV1: { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } },
    });
  });
});
