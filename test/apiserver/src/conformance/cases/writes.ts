// SPDX-License-Identifier: Apache-2.0
import type { ConformanceCase } from '../case.ts';
import { create, patch, replace, service, testCase } from './steps.ts';

/** Ways to write that hold for every kind. */
export const WRITE_CASES: readonly ConformanceCase[] = [
  testCase(
    'write-put-creates',
    replace('services', 'web', () => service('web')),
    replace('services', 'other', () => service('web')),
  ),
  testCase('write-generate-name', create('configmaps', { metadata: { generateName: 'gen-' } })),
  testCase(
    'write-managed-fields',
    create('services', service('web', {}, { labels: { a: '1' } })),
    patch('services', 'web', 'json', [
      { op: 'replace', path: '/metadata/managedFields/0/manager', value: 'renamed' },
      { op: 'replace', path: '/metadata/managedFields/0/operation', value: 'Apply' },
    ]),
    patch('services', 'web', 'merge', { metadata: { managedFields: [] } }),
    patch('services', 'web', 'merge', { metadata: { managedFields: [{ manager: 'x' }] } }),
    patch('services', 'web', 'merge', { metadata: { labels: { b: '2' } } }),
  ),
];
