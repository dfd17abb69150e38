// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { VERSION } from '../version.ts';
import { runAgent, words } from './testing/agent-command.ts';

/** As the k3s case study prints it, with what it says to put in. */
const CASE_STUDY = `manifest daemonset
    --interface eth0
    --address 192.0.2.10
    --inCluster
    --taint
    --controlplane
    --services
    --arp
    --leaderElection`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-manifest-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('agent manifest', () => {
  it('answers the command of the k3s case study with a manifest and nothing else', async () => {
    const { code, stdout, stderr } = await runAgent(words(CASE_STUDY));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(parse(stdout)).toMatchObject({ kind: 'DaemonSet', metadata: { name: 'kube-vip-ds' } });
    // To be put behind `---` into one file with the rights.
    expect(stdout).toMatch(/^apiVersion: apps\/v1\n/);
  });

  it('ends with code 1, the reason, and no manifest, when an agent would not start with it', async () => {
    const { code, stdout, stderr } = await runAgent(
      words('manifest pod --controlplane --leaseDuration 5 --lbForwardingMethod fastest --image A'),
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    for (const setting of ['vip_arp', 'address', 'vip_renewdeadline', '--lbForwardingMethod', '--image']) {
      expect(stderr).toContain(`${setting}="`);
    }
  });

  it('ends with code 1 at a flag that nobody knows', async () => {
    const { code, stdout, stderr } = await runAgent(words('manifest pod --arp --services --intreface eth0'));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('--intreface');
  });

  it('tells what has no effect beside the manifest, not in it', async () => {
    const { code, stdout, stderr } = await runAgent(words('manifest pod --arp --services --bgp'));
    expect(code).toBe(0);
    expect(stderr).toContain('BGP is not supported yet');
    expect((parse(stdout) as Pod).kind).toBe('Pod');
  });

  it('takes flags of all manifests before the name of one, too', async () => {
    const { stdout } = await runAgent(
      words('manifest --image registry.example.org/agent:7 --inCluster pod --arp --services'),
    );
    expect(stdout).toContain('image: registry.example.org/agent:7\n');
    expect(stdout).toContain('serviceAccountName: kube-vip\n');
  });

  it('takes flags as kube-vip’s pages spell them, too', async () => {
    const { stdout } = await runAgent(words('manifest pod --arp --services --servicesInterface eth3'));
    expect(stdout).toContain('- name: vip_servicesinterface\n      value: eth3\n');
  });

  it('takes settings from a file', async () => {
    const file = join(folder, 'agent.yaml');
    await writeFile(file, 'enableARP: true\nenableServices: true\ninterface: eth7\n');
    const { code, stdout } = await runAgent(['manifest', 'pod', '--config-file', file]);
    expect(code).toBe(0);
    expect(stdout).toContain('value: eth7\n');
    const missing = await runAgent(['manifest', 'pod', '--config-file', join(folder, 'missing.yaml')]);
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toContain('missing.yaml');
  });
});

describe('agent kubeadm', () => {
  const FLAGS = words('--interface eth0 --address 192.0.2.10 --controlplane --arp --leaderElection');

  it('prints the Pod of the first node, whose kubeconfig a later word can replace', async () => {
    const { code, stdout, stderr } = await runAgent(['kubeadm', 'init', ...FLAGS]);
    expect(code).toBe(0);
    expect(stdout).toContain('\n      path: /etc/kubernetes/admin.conf\n');
    expect(stderr).toContain('super-admin.conf');
    const said = await runAgent([
      'kubeadm',
      'init',
      ...FLAGS,
      '--k8sConfigPath',
      '/etc/kubernetes/super-admin.conf',
    ]);
    expect(said).toMatchObject({ code: 0, stderr: '' });
    expect(said.stdout).toContain('\n      path: /etc/kubernetes/super-admin.conf\n');
  });

  it('prints the Pod of another node once its kubeconfig is there', async () => {
    const config = join(folder, 'admin.conf');
    const without = await runAgent(['kubeadm', 'join', ...FLAGS, '--config', config]);
    expect(without).toMatchObject({ code: 1, stdout: '' });
    expect(without.stderr).toContain(`--config="${config}"`);
    await writeFile(config, '');
    const [join_, init] = await Promise.all([
      runAgent(['kubeadm', 'join', ...FLAGS, '--config', config]),
      runAgent(['kubeadm', 'init', ...FLAGS]),
    ]);
    expect(join_).toMatchObject({ code: 0, stderr: '', stdout: init.stdout });
  });

  it('asks for a link and an address', async () => {
    const { code, stdout, stderr } = await runAgent(['kubeadm', 'init', '--arp', '--controlplane']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('--interface=""');
    expect(stderr).toContain('--address=""');
  });
});

it('agent version names the version', async () => {
  const { code, stdout } = await runAgent(['version']);
  expect(code).toBe(0);
  expect(stdout).toContain(VERSION);
});
