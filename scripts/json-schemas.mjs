// JSON schemas of the types that a program declares.
import { TypeFlags } from 'typescript/unstable/sync';

/** JSON schemas of types; named ones are shared. Types that are no JSON, and two of one name, are errors. */
export class JsonSchemas {
  /** @type {Record<string, object>} */
  shared = {};
  #checker;
  /** Which type has a name. */
  #named = new Map();

  constructor(checker) {
    this.#checker = checker;
  }

  of(type) {
    const name = this.#nameOf(type);
    if (name === null) return this.#made(type);
    const known = this.#named.get(name);
    if (known !== undefined && known !== type.id) throw new Error(`two types are called ${name}: rename one`);
    if (known === undefined) {
      this.#named.set(name, type.id);
      // Its place comes first: a type may hold itself.
      this.shared[name] = {};
      Object.assign(this.shared[name], this.#made(type), described(this.#symbolOf(type), this.#checker));
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** Properties with their schemas, descriptions and whether they have to be there. */
  properties(type) {
    return this.#checker.getPropertiesOfType(type).map(symbol => {
      const type = this.#checker.getTypeOfSymbol(symbol);
      const all = type.isUnionType() ? type.getTypes() : [type];
      const some = all.filter(each => !(each.flags & TypeFlags.Undefined));
      const required = some.length === all.length;
      const schema = required ? this.of(type) : this.#union(some);
      return {
        name: symbol.name,
        required,
        schema: { ...schema, ...described(symbol, this.#checker) },
      };
    });
  }

  #symbolOf(type) {
    return type.getAliasSymbol() ?? type.getSymbol();
  }

  #nameOf(type) {
    const alias = type.getAliasSymbol();
    if (alias !== undefined) return type.getAliasTypeArguments().length > 0 ? null : alias.name;
    const isOurs = type.isClassOrInterface() && !this.#checker.isArrayLikeType(type);
    return isOurs ? type.getSymbol().name : null;
  }

  #made(type) {
    if (type.isUnionType()) return this.#union(type.getTypes());
    if (type.isLiteralType()) return { const: type.value };
    if (type.isTemplateLiteralType()) return { type: 'string' };
    if (type.isIntrinsicType()) return this.#intrinsic(type.intrinsicName);
    if (this.#checker.isTupleType(type)) {
      const items = this.#checker.getTypeArguments(type).map(each => this.of(each));
      return { type: 'array', prefixItems: items, minItems: items.length, maxItems: items.length };
    }
    if (this.#checker.isArrayLikeType(type)) return { type: 'array', items: this.of(this.#checker.getTypeArguments(type)[0]) };
    return this.#object(type);
  }

  #intrinsic(name) {
    if (name === 'unknown') return {};
    if (name === 'never') return { not: {} };
    if (['string', 'number', 'boolean', 'null'].includes(name)) return { type: name };
    throw new Error(`${name} is not JSON`);
  }

  #object(type) {
    const text = this.#checker.typeToString(type);
    if (!type.isObjectType() && !type.isIntersectionType()) throw new Error(`${text} is not JSON`);
    const properties = this.properties(type);
    const [index] = this.#checker.getIndexInfosOfType(type);
    if (this.#checker.getSignaturesOfType(type, 0).length > 0) throw new Error(`${text} is a function`);
    const required = properties.filter(each => each.required).map(each => each.name);
    return {
      type: 'object',
      ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties.map(each => [each.name, each.schema])) }),
      ...(required.length === 0 ? {} : { required }),
      ...(index === undefined ? {} : { additionalProperties: this.of(index.valueType) }),
    };
  }

  #union(types) {
    if (types.length === 1) return this.of(types[0]);
    const literals = types.filter(type => type.isLiteralType() && !type.isBooleanLiteralType()).map(type => type.value);
    const rest = types.filter(type => !type.isLiteralType());
    const options = [
      ...(literals.length > 1 ? [{ enum: literals }] : literals.map(value => ({ const: value }))),
      ...this.#booleans(types),
      ...rest.map(type => this.of(type)),
    ];
    const simple = options.every(option => Object.keys(option).join() === 'type');
    if (options.length === 1) return options[0];
    return simple ? { type: options.map(option => option.type) } : { anyOf: options };
  }

  /** `boolean` is a union of two. */
  #booleans(types) {
    const values = types.filter(type => type.isBooleanLiteralType()).map(type => type.value);
    return values.length === 2 ? [{ type: 'boolean' }] : values.map(value => ({ const: value }));
  }
}

/** What the comment of a symbol says. */
function described(symbol, checker) {
  const text = symbol?.getDocumentationComment(checker) ?? '';
  const fallback = symbol?.getJsDocTags(checker).find(({ name }) => name === 'default')?.text;
  const description = [text, ...(fallback === undefined ? [] : [`Default: ${fallback}.`])].filter(part => part !== '').join(' ');
  return description === '' ? {} : { description };
}
