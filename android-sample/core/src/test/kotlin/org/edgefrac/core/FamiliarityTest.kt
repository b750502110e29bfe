package org.edgefrac.core

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test

/** Whether an image is of the kind that the model knows: radiographs, and photographs of them, as Python says. */
class FamiliarityTest {
    private val assets = AppAssets.open(Material.assetSource())
    private val familiarity = Familiarity(assets.contract, assets.display)
    private val size = assets.contract.input.size

    @Test
    fun knowsRadiographsAsPythonDoes() {
        var foreign = 0
        val images = Material.each("images") { row, bytes ->
            val radiograph = Radiograph(bytes.raster(row), row["chroma"].number())
            if (agrees(row, radiograph, bytes.bytes(size * size))) foreign++
            bytes.floats(assets.contract.probability.values + assets.contract.evidence.values)
        }
        println("familiarity: $foreign of $images images foreign")
        assertTrue(images >= 100)
    }

    @Test
    fun knowsPhotographsAsPythonDoes() {
        var grey = 0
        var greyForeign = 0
        var foreign = 0
        val photographs = Material.each("photographs") { row, bytes ->
            val refused = agrees(row, Radiograph(bytes.raster(row), row["chroma"].number()), bytes.bytes(size * size))
            if (row["grey"].flag()) {
                grey++
                if (refused) greyForeign++
            } else if (refused) {
                foreign++
            }
        }
        println("familiarity: $foreign of ${photographs - grey} photographs in colour foreign, $greyForeign of $grey in grey")
    }

    @Test
    fun aPhotographIsForeignHoweverItLooks() {
        Material.each("images") { row, bytes ->
            val radiograph = Radiograph(bytes.raster(row), chroma = 0.0, photographed = true)
            assertEquals(Foreign.Photographed, familiarity.foreign(radiograph, bytes.bytes(size * size)))
            bytes.floats(assets.contract.probability.values + assets.contract.evidence.values)
        }
    }

    @Test
    fun saysNothingOfAnImageWithoutContent() {
        assertArrayEquals(DoubleArray(Appearance.NUMBERS), Appearance.of(ByteArray(25), 5), 0.0)
    }

    /** Whether it is foreign, which Python has to say too. */
    private fun agrees(row: Json, radiograph: Radiograph, input: ByteArray): Boolean {
        assertArrayEquals(input, Preprocess.networkInput(radiograph.raster, size))
        val distance = row.optional("distance")?.number()
        if (distance == null) assertNull(familiarity.distance(input)) else assertEquals(distance, familiarity.distance(input)!!, 1e-9 * distance)
        val foreign = familiarity.foreign(radiograph, input) != null
        assertEquals(row["name"].text(), row["foreign"].flag(), foreign)
        return foreign
    }
}
