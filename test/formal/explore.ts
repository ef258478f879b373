/**
 * One run of a model, stepped from outside. It must behave the same wherever it is given the same steps: a state is reached again by
 * taking its steps again, so that the product's own code, which cannot be copied in mid-flight, can be part of it.
 */
export type Machine = {
  /** What may happen next, but for a crash. None: the run has come to its end. */
  actions(): readonly string[]
  take(action: string): void | Promise<void>
  /** What crashes in this state can leave, by name: each the root of another run. */
  crashes(): Readonly<Record<string, string>>
  /** All that may still make a difference. States of the same key are looked at once. */
  key(): string
  /** What is wrong in this state; null where nothing is. */
  fault(): string | null
}

export type Exploration = { states: number; runs: number; fault: string | null; steps: readonly string[] }

type Node = { root: string; told: readonly string[]; path: readonly string[] }

/** Every interleaving, shortest first; ends at the first fault, with the steps that led to it. */
export async function explore(first: string, open: (root: string) => Machine | Promise<Machine>): Promise<Exploration> {
  const roots = new Set([first])
  const known = new Set<string>()
  const queue: Node[] = [{ root: first, told: [], path: [] }]
  const ended = (node: Node, fault: string | null): Exploration => ({
    states: known.size,
    runs: roots.size,
    fault,
    steps: [...node.told, ...node.path],
  })
  const reach = async ({ root, path }: Node) => {
    const machine = await open(root)
    for (const action of path) await machine.take(action)
    return machine
  }
  for (let at = 0; at < queue.length; at++) {
    const node = queue[at]! // at < length
    let machine: Machine | null = await reach(node)
    const fault = machine.fault()
    if (fault !== null) return ended(node, fault)
    const actions = machine.actions()
    for (const [name, root] of Object.entries(machine.crashes())) {
      if (!roots.has(root)) queue.push({ root, told: [...node.told, ...node.path, name], path: [] })
      roots.add(root)
    }
    for (const action of actions) {
      // The first step goes on from here; for each other the state is reached anew.
      const here: Machine = machine ?? (await reach(node))
      machine = null
      await here.take(action)
      const key = here.key()
      if (!known.has(key)) queue.push({ ...node, path: [...node.path, action] })
      known.add(key)
    }
  }
  return { states: known.size, runs: roots.size, fault: null, steps: [] }
}
