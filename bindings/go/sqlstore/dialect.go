package sqlstore

import (
	"slices"
	"strconv"
	"strings"
)

// Dialect is the kind of a database.
type Dialect int

// The databases that can keep records.
const (
	// SQLite from version 3.24 on.
	SQLite Dialect = iota + 1
	// Postgres is PostgreSQL from version 9.6 on, and what is compatible with it.
	Postgres
)

// String is the name of the database.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case Postgres:
		return "PostgreSQL"
	default:
		return "dialect " + strconv.Itoa(int(d))
	}
}

// Schema is what makes the table and its index, for databases whose schema is not made by programs.
func (d Dialect) Schema() []string { return slices.Clone(dialects[d].schema) }

// statements are all that is said to a database.
type statements struct {
	schema []string
	// hasSchema tells whether the schema is complete. Making it anew, though it exists, takes more rights than using it.
	hasSchema                           string
	load, insert, update, delete, sweep string
}

var dialects = map[Dialect]statements{
	SQLite:   in("blob", "?", "", "select count(*) = 2 from sqlite_master where name in ('mcp_oauth_records', '"+index+"')"),
	Postgres: in("bytea", "$", " for update skip locked", "select to_regclass('"+index+"') is not null"),
}

const index = "mcp_oauth_records_expires_at"

// in says it all in a dialect: what it calls bytes, how the number of a parameter begins, what keeps two that sweep from waiting
// for each other, and how it is asked for its schema.
func in(blob, parameter, skipLocked, hasSchema string) statements {
	numbered := func(statement string) string { return strings.ReplaceAll(statement, "$", parameter) }
	return statements{
		schema: []string{
			"create table if not exists mcp_oauth_records (name text primary key, generation bigint not null, " +
				"record " + blob + " not null, expires_at bigint)",
			"create index if not exists " + index + " on mcp_oauth_records (expires_at)",
		},
		hasSchema: hasSchema,
		load:      numbered("select generation, record, expires_at from mcp_oauth_records where name = $1"),
		insert: numbered("insert into mcp_oauth_records (name, generation, record, expires_at) values ($1, $2, $3, $4) " +
			"on conflict (name) do nothing"),
		update: numbered("update mcp_oauth_records set generation = $2, record = $3, expires_at = $4 " +
			"where name = $1 and generation = $5"),
		delete: numbered("delete from mcp_oauth_records where name = $1 and generation = $2"),
		// The end is looked at twice, since a record that is found may be written before it is removed.
		sweep: numbered("delete from mcp_oauth_records where expires_at < $1 and name in " +
			"(select name from mcp_oauth_records where expires_at < $1 order by expires_at limit 100" + skipLocked + ")"),
	}
}
