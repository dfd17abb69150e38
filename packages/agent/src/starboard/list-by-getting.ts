// SPDX-License-Identifier: Apache-2.0
import {
  isForbidden,
  isNotFound,
  type KubeClient,
  type ListOptions,
  type ObjectList,
} from '@fairlead/shared/kubernetes/client.ts';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import type { Resource } from '@fairlead/shared/kubernetes/resources.ts';

/**
 * Where a watch begins that first tells what is there: the version of one object may be too old to watch from. What it does not tell is a
 * deletion between the two requests; that is seen when the next watch fails.
 */
const FROM_NOW = '0';
const BY_NAME = /^metadata\.name=(.+)$/;

/**
 * The same client for a role that lets one get and watch objects, but not list them, as the peer's does: a list of one object by its name is
 * made by getting that one.
 */
export function listByGetting(client: KubeClient): KubeClient {
  const list = async <T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions = {},
  ): Promise<ObjectList<T>> => {
    try {
      return await client.list(resource, options);
    } catch (error) {
      const name = BY_NAME.exec(options.fieldSelector ?? '')?.[1];
      if (name === undefined || !isForbidden(error)) throw error;
      return { items: await getOne(client, resource, name, options), resourceVersion: FROM_NOW };
    }
  };
  // All else is the client's own; its methods need it as `this`.
  return new Proxy(client, {
    get(target, property) {
      if (property === 'list') return list;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function getOne<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  name: string,
  { namespace, signal }: ListOptions,
): Promise<readonly T[]> {
  const where = namespace === undefined ? { name } : { namespace, name };
  try {
    return [await client.get(resource, where, signal === undefined ? {} : { signal })];
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
