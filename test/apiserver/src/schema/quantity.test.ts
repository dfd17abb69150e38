// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalQuantity } from './quantity.ts';

describe('canonicalQuantity', () => {
  test.each([
    ['1024Mi', '1Gi'],
    ['1536Mi', '1536Mi'],
    ['0.5', '500m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1000', '1k'],
    ['0', '0'],
    ['0Mi', '0'],
    ['1.5Gi', '1536Mi'],
    ['100Ki', '100Ki'],
    ['512', '512'],
    ['1e3', '1e3'],
    ['.1', '100m'],
    ['-1000m', '-1'],
    ['0.0000000001', '1n'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
  });

  test.each(['', 'x', '1mi', '1 Gi', '1.2.3', 'Mi'])('%j is no quantity', (text) => {
    expect(canonicalQuantity(text)).toBeUndefined();
  });

  test('the canonical form is its own canonical form', () => {
    const suffix = fc.constantFrom('', 'm', 'u', 'n', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e2', 'e-2');
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 999 }), suffix, (whole, fraction, unit) => {
        const canonical = canonicalQuantity(`${whole}.${fraction}${unit}`) ?? '';
        expect(canonicalQuantity(canonical)).toBe(canonical);
      }),
    );
  });
});
