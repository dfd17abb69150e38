// SPDX-License-Identifier: Apache-2.0
import { unparsable } from '@fairlead/shared/address/parsed.ts';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from './config/read-config.ts';
import { SAMPLE_CONFIG, sampleManifest } from './samples.ts';

it('prints a configuration that can be used as it is', () => {
  const { peers, balancers, warnings } = readConfig({
    text: SAMPLE_CONFIG,
    env: {},
    flags: {},
    hostName: 'host',
    readFile: () => unparsable('no file'),
  });
  expect(peers.map(({ name }) => name)).toEqual(['server1', 'server2', 'server3']);
  expect(balancers.map(({ name }) => name)).toEqual(['Kubernetes Control Plane']);
  expect(warnings).toEqual([]);
});

it('prints comments that are configuration, too, once they are none', () => {
  const uncommented = SAMPLE_CONFIG.replaceAll(/^# (?=-| |singleNode|etcd)/gm, '');
  expect(parse(uncommented)).toMatchObject({
    singleNode: true,
    etcd: { endpoints: ['https://192.168.0.9:2379'] },
    loadBalancers: [{}, { type: 'http', backends: [{ url: 'https://192.168.0.70:8443' }] }],
  });
});

it('prints a Pod', () => {
  expect(parse(sampleManifest('1.2.3'))).toMatchObject({
    kind: 'Pod',
    spec: {
      hostNetwork: true,
      containers: [{ image: 'fairlead/agent:1.2.3', args: ['start', '-c', '/etc/fairlead/config.yaml'] }],
    },
  });
});
