// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { imageWithTag } from './image-name.ts';

const DIGEST = `@sha256:${'0123456789abcdef'.repeat(4)}`;

it.each([
  ['agent', 'agent:1'],
  ['fairlead/agent', 'fairlead/agent:1'],
  ['registry.example.org:5000/agent', 'registry.example.org:5000/agent:1'],
  ['localhost:5000/a/b_c/d.e', 'localhost:5000/a/b_c/d.e:1'],
  ['agent:dev', 'agent:dev'],
  ['registry.example.org:5000/agent:v1.2-rc.1', 'registry.example.org:5000/agent:v1.2-rc.1'],
  [`agent${DIGEST}`, `agent${DIGEST}`],
  [`agent:dev${DIGEST}`, `agent:dev${DIGEST}`],
])('%s is %s', (text, image) => {
  expect(imageWithTag(text, '1')).toEqual({ ok: true, value: image });
});

it.each([
  '',
  ' ',
  'a b',
  'Agent',
  'agent:',
  'agent:x:y',
  'agent@sha256:12',
  '/agent',
  'agent/',
  'a\nb',
  ':dev',
])('%j is no name of an image', (text) => {
  expect(imageWithTag(text, '1').ok).toBe(false);
});
