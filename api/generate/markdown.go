package main

import (
	"strings"

	"github.com/libcni/libcni/api/model"
)

// markdown writes a table, whose first row is the heading.
func markdown(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		for _, cell := range row {
			if cell = strings.ReplaceAll(cell, "|", `\|`); cell == "" {
				b.WriteString("| ")
			} else {
				b.WriteString("| " + cell + " ")
			}
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}

// keyTable describes keys of requests and configurations.
func keyTable(keys []*model.Key) string {
	rows := [][]string{{"key", "type", "default", "", "since"}}
	for _, key := range keys {
		name := "`" + key.Name + "`"
		if key.Required {
			name += " (required)"
		}
		rows = append(rows, []string{name, typeText(key), cellDefault(key), cellText(key), key.Since})
	}
	return markdown(rows)
}

// answerTable describes keys of responses.
func answerTable(keys []*model.Key) string {
	rows := [][]string{{"key", "type", "", "since"}}
	for _, key := range keys {
		name := "`" + key.Name + "`"
		if !key.Required {
			name += " (optional)"
		}
		rows = append(rows, []string{name, typeText(key), cellText(key), key.Since})
	}
	return markdown(rows)
}

// typeText names the type of a key with its unit.
func typeText(key *model.Key) string {
	text := valueText(key.Value)
	switch {
	case key.Value.Minimum != nil && key.Value.Maximum != nil && key.Unit != "ms":
		text = number(*key.Value.Minimum) + " to " + number(*key.Value.Maximum)
	case key.Value.Form == model.Integer, key.Value.Form == model.Number:
		text = key.Unit
	}
	return text
}

func valueText(v model.Value) string {
	switch v.Form {
	case model.Enum:
		return "`" + strings.Join(v.Type.Values, "`, `") + "`"
	case model.Object:
		if v.Type != nil && len(v.Type.Keys) > 0 {
			return "[" + v.Type.Name + "](" + objectsPage + "#" + strings.ToLower(v.Type.Name) + ")"
		}
		return "object"
	case model.Map:
		return "object of " + valueText(*v.Element)
	case model.List:
		return "list of " + valueText(*v.Element)
	case model.Pair:
		return "pair of strings"
	case model.Union:
		var words []string
		for _, alternative := range v.Alternatives {
			words = append(words, valueText(alternative))
		}
		return list(words, "or")
	}
	return string(v.Form)
}

// objectsPage is where objects are described.
const objectsPage = "api.md"

// cellText describes a key, with the meaning of its values.
func cellText(key *model.Key) string {
	t := key.Value.Type
	if key.Value.Form == model.Enum && strings.Contains(t.Description, t.Values[0]) {
		return key.Description + ": " + t.Description
	}
	return key.Description
}

// cellDefault is the default of a key; one that is off, none or empty is left out.
func cellDefault(key *model.Key) string {
	switch text := strings.ReplaceAll(strings.Trim(string(key.Default), "[]"), `"`, ""); text {
	case "", "false":
		return ""
	default:
		return "`" + strings.Join(strings.Fields(strings.ReplaceAll(text, ",", " ")), "`, `") + "`"
	}
}
