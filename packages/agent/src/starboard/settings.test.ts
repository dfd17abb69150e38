// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { starboardCommand } from '../commands/starboard.ts';
import { readStarboardSettings } from './settings.ts';

const read = (env: Readonly<Record<string, string>> = {}, flags: Readonly<Record<string, string>> = {}) =>
  readStarboardSettings({ env, flags, hostName: 'Worker1' });

describe('the settings of starboard', () => {
  it('are those of a node where nothing is said', () => {
    expect(read({ KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toEqual({
      node: 'worker1',
      configMap: { namespace: 'kube-system', name: 'kubevip', legacyName: 'plndr' },
      backend: undefined,
      isForced: false,
      dataPlane: undefined,
      statusServer: { host: '', port: 2113 },
      kubeconfig: undefined,
      isInside: true,
    });
  });

  it('come from the environment before flags', () => {
    const env = {
      iptables_backend: 'legacy',
      fairlead_balance: 'ipvs',
      KUBEVIP_CONFIG_MAP: 'pools',
      KUBEVIP_NAMESPACE: 'net',
    };
    expect(read(env, { iptablesBackend: 'nft', force: 'true', balance: 'none' })).toMatchObject({
      backend: 'legacy',
      dataPlane: 'ipvs',
      isForced: true,
      configMap: { namespace: 'net', name: 'pools' },
    });
    expect(read({ KUBERNETES_SERVICE_HOST: 'x' }, { outsideCluster: 'true' }).isInside).toBe(false);
    expect(read({}, { prometheusHTTPServer: '' }).statusServer).toBeUndefined();
  });

  it('are checked, all at once', () => {
    const wrong = () =>
      read({
        iptables_backend: 'bpf',
        fairlead_balance: 'magic',
        fairlead_starboard_force: 'yes',
        prometheus_server: 'here',
      });
    for (const name of [
      'iptables_backend="bpf"',
      'fairlead_balance="magic"',
      'fairlead_starboard_force="yes"',
      'prometheus_server="here"',
    ]) {
      expect(wrong).toThrow(name);
    }
  });
});

describe("the peer's flag", () => {
  it.each([
    [['-outsideCluster'], 'true'],
    [['-outsideCluster=true'], 'true'],
    [['-outsideCluster=false'], 'false'],
    [['--outsideCluster'], true],
    [['--outsideCluster', 'false'], 'false'],
  ])('%j', (args, expected) => {
    const command = starboardCommand();
    command.parseOptions(args);
    expect(command.opts().outsideCluster).toBe(expected);
  });
});
