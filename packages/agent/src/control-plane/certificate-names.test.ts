// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parseSubjectAltName, placeOf } from './certificate-names.ts';

const KUBEADM =
  'DNS:cp1, DNS:kubernetes, DNS:kubernetes.default, IP Address:10.96.0.1, IP Address:192.0.2.10, IP Address:192.0.2.11';

describe('the names in a certificate', () => {
  it('reads what node:tls makes of them', () => {
    expect(parseSubjectAltName(KUBEADM)).toEqual({
      dns: ['cp1', 'kubernetes', 'kubernetes.default'],
      addresses: ['10.96.0.1', '192.0.2.10', '192.0.2.11'],
    });
    expect(parseSubjectAltName('IP Address:2001:DB8:0:0:0:0:0:1').addresses).toEqual(['2001:db8::1']);
    expect(parseSubjectAltName('')).toEqual({ dns: [], addresses: [] });
  });

  it.each([
    [KUBEADM, { server: 'https://127.0.0.1:6443', serverName: 'kubernetes' }],
    [
      'DNS:*.example.org, DNS:cp1.example.org',
      { server: 'https://127.0.0.1:6443', serverName: 'cp1.example.org' },
    ],
    [
      'IP Address:192.0.2.11, IP Address:127.0.0.1',
      { server: 'https://127.0.0.1:6443', serverName: undefined },
    ],
    // The first is the address of the control plane, and may lead to another node.
    [
      'IP Address:192.0.2.10, IP Address:2001:db8::1',
      { server: 'https://[2001:db8::1]:6443', serverName: undefined },
    ],
    ['DNS:*.example.org', undefined],
  ])('finds with "%s" how to reach the server', (text, place) => {
    expect(placeOf(parseSubjectAltName(text), 6443, ['192.0.2.10'])).toEqual(place);
  });
});
