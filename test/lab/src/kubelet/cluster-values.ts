// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isNotFound, type KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { Pod } from '@fairlead/shared/kubernetes/objects.ts';
import { CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS } from '@fairlead/shared/kubernetes/resources.ts';
import type { ValueSource } from './container-env.ts';

/** ConfigMaps and Secrets of one namespace, asked for when they are needed. */
export function namespaceValues(client: KubeClient, namespace: string): ValueSource {
  return {
    async configMap(name) {
      const map = await orUndefined(client.get(CONFIG_MAPS, { namespace, name }));
      if (map === undefined) return undefined;
      return { ...decoded(map.binaryData), ...map.data };
    },
    async secret(name) {
      const secret = await orUndefined(client.get(SECRETS, { namespace, name }));
      return secret === undefined ? undefined : decoded(secret.data);
    },
  };
}

function decoded(data: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}

async function orUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** A token for a pod's service account. */
export interface PodToken {
  readonly token: string;
  /** Ask for the next one after this time (80 % of the life). */
  readonly refreshAfterMs: number;
}

/** Asks the API server for a token bound to the pod (TokenRequest). */
export async function requestToken(
  client: KubeClient,
  pod: Pod,
  wish: { readonly audience?: string; readonly expirationSeconds: number },
  nowMs: number,
): Promise<PodToken> {
  const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
  const answer = await client.createSubresource<{
    readonly status?: { readonly token?: string; readonly expirationTimestamp?: string };
  }>(SERVICE_ACCOUNTS, { namespace, name: pod.spec?.serviceAccountName ?? 'default' }, 'token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      ...(wish.audience === undefined ? {} : { audiences: [wish.audience] }),
      expirationSeconds: wish.expirationSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
    },
  });
  const token = answer.status?.token;
  if (token === undefined) throw new Error('the API server answered a TokenRequest without a token');
  const expiry = Date.parse(answer.status?.expirationTimestamp ?? '');
  const lifeMs = Number.isNaN(expiry) ? wish.expirationSeconds * 1_000 : expiry - nowMs;
  return { token, refreshAfterMs: Math.max(1_000, lifeMs * 0.8) };
}

/** The certificate of the cluster's authority from a kubeconfig (YAML or JSON): inline or in a file beside it. */
export function clusterCertificate(kubeconfig: string): string {
  const text = readFileSync(kubeconfig, 'utf8');
  const field = (name: string) => new RegExp(`["']?${name}["']?:\\s*["']?([^"'\\s,}]+)`).exec(text)?.[1];
  const inline = field('certificate-authority-data');
  if (inline !== undefined) return Buffer.from(inline, 'base64').toString('utf8');
  const file = field('certificate-authority');
  return file === undefined ? '' : readFileSync(resolve(dirname(kubeconfig), file), 'utf8');
}
