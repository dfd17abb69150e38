// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KUBECONFIG, type StaticPodOptions } from './static-pod.ts';
import { MEMBERS, PORT, Trio } from './trio.ts';

const ELSEWHERE = '/etc/fairlead/api.conf';
const BEFORE_INIT = '/etc/kubernetes/super-admin.conf';

/**
 * Kubeconfigs of all members name the address that they bring up themselves, so none of them may be taken at its word. One asks the
 * certificate of its API server, one is told by `kubernetes_addr`, and one is in the state in which kubeadm has its first node.
 */
describe('agents of a control plane', () => {
  let trio: Trio;

  beforeAll(async () => {
    trio = await Trio.start({ member: waysOf });
  });

  afterAll(async () => {
    await trio.stop();
  });

  it('find their API servers each in its own way', async () => {
    const owner = await trio.settled();
    expect(MEMBERS).toContain(owner);
  });
});

async function waysOf(trio: Trio, member: string): Promise<Partial<StaticPodOptions>> {
  if (member === MEMBERS[0]) return { env: { cp_detect: 'true' } };
  if (member === MEMBERS[1]) {
    const server = `https://${hostOf(trio.lab.plan, member).ipv4}:${PORT}`;
    return {
      env: { kubernetes_addr: server, k8s_config_file: ELSEWHERE },
      files: { [ELSEWHERE]: trio.kubeconfig },
    };
  }
  return { files: { [KUBECONFIG]: await powerless(trio), [BEFORE_INIT]: trio.kubeconfig } };
}

/** A kubeconfig of somebody whom the API knows and lets do nothing. */
async function powerless(trio: Trio): Promise<string> {
  const must = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await trio.lab.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  await must('create', 'serviceaccount', 'powerless');
  const token = await must('create', 'token', 'powerless');
  const config = JSON.parse(await must('config', 'view', '--raw', '-o', 'json')) as {
    readonly users: readonly { readonly name: string }[];
  };
  const users = config.users.map(({ name }) => ({ name, user: { token } }));
  const file = join(trio.lab.workDir, 'powerless.conf');
  writeFileSync(file, JSON.stringify({ ...config, users }), { mode: 0o600 });
  return file;
}
