package org.edgefrac.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

class JsonTest {
    @Test
    fun readsEveryKindOfValue() {
        val json = Json.parse(" {\"a\": [1, -2.5e-3, 1E2, 0], \"b\": true, \"c\": null, \"\\u00e4\\n\\\\\": \"×\\\"\\/\\t\", \"d\": {}} ", "x")
        assertEquals(listOf(1.0, -0.0025, 100.0, 0.0), json["a"].items().map { it.number() })
        assertTrue(json["b"].flag())
        assertNull(json.optional("c"))
        assertNull(json.optional("nothing"))
        assertEquals("×\"/\t", json["ä\n\\"].text())
        assertNull(json["d"].optional("e"))
    }

    @Test
    fun keepsEveryDigitOfAFloat() {
        assertEquals(0.030380283486201434, Json.parse("0.030380283486201434", "x").number(), 0.0)
    }

    @Test
    fun refusesWhatIsNotJson() {
        val wrong = listOf(
            "", "{", "[1,]", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "01", "1.", ".5", "+1", "NaN", "Infinity", "1e999", "tru", "'a'",
            "\"a", "\"\\x\"", "\"\\u12g4\"", "\"\\u12", "\"\u0001\"", "[1 2]", "1 2", "{\"a\":1,\"a\":2}", "[".repeat(100) + "]".repeat(100), "\u00a01",
        )
        for (text in wrong) assertThrows("«$text» was read", Refusal::class.java) { Json.parse(text, "x") }
    }

    @Test
    fun namesThePlaceOfAWrongType() {
        val json = Json.parse("{\"a\": [{\"b\": \"1\"}, 1.5]}", "file.json")
        val message = { read: () -> Unit -> assertThrows(Refusal::class.java) { read() }.message }
        assertEquals("file.json.a[0].b is not a number", message { json["a"].items()[0]["b"].number() })
        assertEquals("file.json.a[1] is not a whole number", message { json["a"].items()[1].whole() })
        assertEquals("file.json has no \"c\"", message { json["c"] })
        assertEquals("file.json.a is not an object", message { json["a"]["b"] })
    }

    @Test
    fun quotesWhatItReadsBack() {
        val text = "a\"b\\c\nd\u0000é"
        assertEquals(text, Json.parse(Json.quoted(text), "x").text())
    }
}
